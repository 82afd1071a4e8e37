/**
 * A file that one process writes while another reads it: how a layer gets from its source to the process that unpacks it. The bytes go
 * through the page cache alone, nobody has to keep pace with anybody, and what is unpacked is what is in the blob's file.
 */

/** Bytes: after so many, at most, the reader is told again. */
const TELL_EVERY = 1 << 20;
/** Bytes: after so many it is told first. Then after as many more as there are, so that what is small is read while it comes, too. */
const TELL_FIRST = 1 << 15;

/** Who reads it. */
export interface GrowingFileReader {
  /** There is more to be read now. */
  grew(): void;
  /** All of it is there, and was found to be right. */
  whole(): void;
  /** Nothing more comes, and what came is worth nothing. */
  failed(error: unknown): void;
}

export class GrowingFile {
  readonly path: string;
  #reader: GrowingFileReader | undefined;
  #end: ((reader: GrowingFileReader) => void) | undefined;
  #size = 0;
  #told = 0;
  #refusal: { readonly error: unknown } | undefined;
  #release: () => void = () => undefined;
  readonly #released = new Promise<void>((resolve) => (this.#release = resolve));

  constructor(path: string) {
    this.path = path;
  }

  /** So many bytes were written. @throws what the reader failed of */
  grew(bytes: number): void {
    if (this.#refusal !== undefined) throw this.#refusal.error;
    this.#size += bytes;
    if (this.#size - this.#told < Math.min(TELL_EVERY, Math.max(TELL_FIRST, this.#told))) return;
    this.#told = this.#size;
    this.#reader?.grew();
  }

  whole(): void {
    this.#finish((reader) => reader.whole());
  }

  failed(error: unknown): void {
    this.#finish((reader) => reader.failed(error));
  }

  /** Waits until the reader has opened the file, or won't any more: from then on it may be renamed. */
  async released(): Promise<void> {
    await this.#released;
  }

  /** The reader is there; it reads what the file holds without being told. */
  readBy(reader: GrowingFileReader): void {
    this.#reader = reader;
    this.#end?.(reader);
  }

  /** The reader has opened the file. */
  opened(): void {
    this.#release();
  }

  /** The reader has ended before the file did. */
  refused(error: unknown): void {
    this.#refusal ??= { error };
    this.#release();
  }

  #finish(end: (reader: GrowingFileReader) => void): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    if (this.#reader !== undefined) end(this.#reader);
  }
}
