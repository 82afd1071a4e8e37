/** What a tar archive says about one file, after all extension headers are applied. */

export type TarEntryType = 'file' | 'directory' | 'symlink' | 'hardlink' | 'character-device' | 'block-device' | 'fifo';

/** A point in time as tar can express it: PAX allows fractions and dates before 1970. */
export interface Timestamp {
  readonly seconds: number;
  /** 0 … 999 999 999, added to `seconds`. */
  readonly nanoseconds: number;
}

/** A run of a sparse file that holds data; everything between runs reads as zeros. */
export interface SparseRun {
  readonly offset: number;
  readonly length: number;
}

/**
 * Names are *byte strings*: one character per byte (latin1), never decoded. Linux file names need not be UTF-8, and two
 * names that differ in bytes are two files.
 */
export interface TarEntry {
  readonly type: TarEntryType;
  readonly name: string;
  /** Target of a symbolic or hard link, '' otherwise. A byte string as well. */
  readonly linkName: string;
  /** Permission bits with setuid, setgid and sticky: 0 … 07777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content that follow in the archive. */
  readonly storedSize: number;
  /** Length of the file: larger than storedSize for a sparse file. */
  readonly size: number;
  readonly mtime: Timestamp;
  /** Extended attributes; names are byte strings. */
  readonly xattrs: ReadonlyMap<string, Buffer>;
  readonly sparse?: readonly SparseRun[];
}

/** Who takes what {@link TarReader} reads. Calls come strictly as begin, data*, end for each entry. */
export interface TarSink {
  begin(entry: TarEntry): void;
  /** A piece of content and where in the file it belongs. `chunk` is only valid during the call. */
  data(chunk: Buffer, position: number): void;
  end(): void;
}
