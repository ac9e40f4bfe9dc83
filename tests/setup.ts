import fc from 'fast-check';

// A run that decides about a change has to be the same when it is repeated; everywhere else properties are tried on fresh examples.
if (process.env['CI']) fc.configureGlobal({ seed: 20240607 });
