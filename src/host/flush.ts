/**
 * Whether files are flushed to the disk so that they survive a power cut. Always, unless `SCULL_NO_FLUSH=1` says that nobody would
 * miss the store: for measuring what flushing costs, and for stores that live as long as a CI job.
 */
export const flushes = process.env['SCULL_NO_FLUSH'] !== '1';
