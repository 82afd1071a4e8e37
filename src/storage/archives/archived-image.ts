/** What an archive or folder of images offers: each image as a source, with the names it carries there. */
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Platform } from '../../oci/platform.ts';
import type { ImageSource } from '../image-types.ts';

/** Which images of a list are wanted. */
export type Wanted = Platform | 'every';

export interface ArchivedImage {
  readonly source: ImageSource;
  /** Names as they stand in the archive, not normalised, not trusted. */
  readonly names: readonly string[];
  /** How short names are meant: Docker's archives speak of Docker Hub, OCI layouts of nobody. */
  readonly shortNames: 'docker.io' | 'localhost';
  /** True where the manifest was made up by the reader. */
  readonly madeUpManifest: boolean;
  /** How a list in the archive describes it. */
  readonly listed?: Descriptor;
}
