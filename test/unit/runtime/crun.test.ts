import { describe, expect, it } from 'vitest';
import { explainRuntimeFailure } from '../../../src/runtime/crun.ts';

describe('explainRuntimeFailure', () => {
  it.each([
    ['mount `/home/me/f` to `tmp`: Not a directory', 'INVALID', 'cannot mount "/home/me/f" on "/tmp": one is a directory, the other is not'],
    ['error: mkdir `/bin/sh/x`: Not a directory', 'INVALID', 'cannot make the mount point "/bin/sh/x" in the container: a part of that path is a file'],
    ['open /proc/sys/net/no/such: No such file or directory', 'INVALID', 'cannot set net.no.such: this kernel does not have it in a container'],
    ['open `/proc/sys/net/core/rmem_max`: Permission denied', 'INVALID', 'cannot set net.core.rmem_max: it can only be set for the whole host'],
    ['executable file `nosuch` not found in $PATH: No such file or directory', 'COMMAND_NOT_FOUND', 'executable file "nosuch" not found in the container\'s $PATH'],
    ['something new', 'TOOL_FAILED', 'crun: something new'],
    ['', 'TOOL_FAILED', 'crun failed without giving a reason'],
  ])('%j', (said, code, message) => {
    expect(explainRuntimeFailure(said)).toMatchObject({ code, message });
  });
});
