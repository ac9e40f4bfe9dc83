import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryError } from '../device.js';
import { type Block, Memory } from './memory.js';

const MIB = 2 ** 20;

describe('Memory', () => {
  it('never overlaps blocks, keeps their bytes, and is whole again when all are free', () => {
    const step = fc.oneof(
      fc.record({ size: fc.oneof(fc.nat(200), fc.nat(70_000), fc.nat(MIB)) }),
      fc.record({ free: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.boolean(), (steps, shared) => {
        const memory = new Memory({ shared, maxBytes: 64 * MIB });
        const live: { block: Block; mark: number }[] = [];
        steps.forEach((s, mark) => {
          if ('size' in s) {
            const block = memory.allocate(s.size);
            expect(block.address % 64).toBe(0);
            expect(block.address).toBeGreaterThan(0);
            expect(block.size).toBeGreaterThanOrEqual(s.size);
            expect(block.address + block.size).toBeLessThanOrEqual(memory.bytes);
            memory.u8.fill(mark, block.address, block.address + block.size);
            live.push({ block, mark });
          } else if (live.length > 0) {
            const [{ block, mark: written }] = live.splice(s.free % live.length, 1);
            const bytes = memory.u8.subarray(block.address, block.address + block.size);
            expect(bytes.every((byte) => byte === written)).toBe(true);
            memory.free(block);
          }
          expect(memory.inUse).toBe(live.reduce((sum, { block }) => sum + block.size, 0));
        });
        for (const { block } of live) memory.free(block);
        expect(memory.inUse).toBe(0);
        const before = memory.bytes;
        memory.allocate(before - 64);
        expect(memory.bytes).toBe(before);
      }),
      { numRuns: 60 },
    );
  });

  it('reuses what was freed', () => {
    const memory = new Memory({ shared: false });
    const kept = memory.allocate(1000);
    for (let i = 0; i < 1000; i++) memory.free(memory.allocate(700_000));
    expect(memory.bytes).toBe(MIB);
    expect(kept.size).toBe(1024);
  });

  it('says how much was asked for and how much is in use, and stays usable', () => {
    const memory = new Memory({ shared: false, maxBytes: 4 * MIB });
    memory.allocate(MIB);
    expect(() => memory.allocate(8 * MIB)).toThrow(MemoryError);
    expect(() => memory.allocate(3.5 * MIB)).toThrow(/no room for 3\.5 MiB: 1\.0 MiB in use.*limit 4\.0 MiB/);
    memory.allocate(2 * MIB);
  });

  it('refuses to free twice', () => {
    const memory = new Memory({ shared: false });
    const block = memory.allocate(10);
    memory.free(block);
    expect(() => memory.free(block)).toThrow(/twice/);
  });

  it('reaches beyond 2 GiB', () => {
    const memory = new Memory({ shared: true });
    memory.allocate(2.25 * 1024 * MIB);
    const high = memory.allocate(4096);
    expect(high.address).toBeGreaterThan(2 ** 31);
    memory.f32[high.address / 4] = 7;
    expect(memory.f32[high.address / 4]).toBe(7);
  });
});
