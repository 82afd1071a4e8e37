import { describe, expect, it } from 'vitest';
import { explainRuntimeFailure } from '../../../src/runtime/crun.ts';

describe('explainRuntimeFailure', () => {
  it.each([
    ['mount `/home/me/f` to `tmp`: Not a directory', 'INVALID', 'cannot mount "/home/me/f" on "/tmp": one is a directory, the other is not'],
    ['error: mkdir `/bin/sh/x`: Not a directory', 'INVALID', 'cannot make the mount point "/bin/sh/x" in the container: a part of that path is a file'],
    ['open /proc/sys/net/no/such: No such file or directory', 'INVALID', 'cannot set net.no.such: this kernel does not have it in a container'],
    ['open `/proc/sys/net/core/rmem_max`: Permission denied', 'INVALID', 'cannot set net.core.rmem_max: it can only be set for the whole host'],
    ['executable file `nosuch` not found in $PATH: No such file or directory', 'COMMAND_NOT_FOUND', 'executable file "nosuch" not found in the container\'s $PATH'],
    ['open `/proc/1/ns/net`: Permission denied', 'PERMISSION', 'cannot join the namespace "/proc/1/ns/net": it belongs to another user, or to another user namespace than the container\'s'],
    ['cannot setns `/run/netns/x`: Operation not permitted', 'PERMISSION', 'cannot join the namespace "/run/netns/x": it belongs to another user, or to another user namespace than the container\'s'],
    ['setns `/run/netns/x`: Operation not permitted', 'PERMISSION', 'cannot join the namespace "/run/netns/x": it belongs to another user, or to another user namespace than the container\'s'],
    ['open `/proc/999999/ns/net`: No such file or directory', 'NOT_FOUND', 'there is no namespace "/proc/999999/ns/net": its process has ended'],
    ['create keyring `4f2e`: Disk quota exceeded', 'UNSUPPORTED', expect.stringMatching(/no more keyrings/)],
    ['something new', 'TOOL_FAILED', 'crun: something new'],
    ['', 'TOOL_FAILED', 'crun failed without giving a reason'],
  ])('%j', (said, code, message) => {
    expect(explainRuntimeFailure(said)).toMatchObject({ code, message });
  });

  it.each([
    // crun 1.8 to 1.14
    ['executable file `/no/such` not found in $PATH: No such file or directory', 'COMMAND_NOT_FOUND', 'executable file "/no/such" not found in the container'],
    ['open executable: Permission denied', 'COMMAND_NOT_EXECUTABLE', '"cmd" can\'t be executed in the container: Permission denied'],
    ['open executable: Operation not permitted', 'COMMAND_NOT_EXECUTABLE', '"cmd" can\'t be executed in the container: it is a directory or another special file'],
    ['exec: Exec format error', 'COMMAND_NOT_EXECUTABLE', '"cmd" can\'t be executed in the container: Exec format error'],
    ['exec: No such file or directory', 'COMMAND_NOT_FOUND', '"cmd" can\'t be executed in the container: its interpreter or dynamic loader does not exist there'],
    ['chdir `/x`: No such file or directory', 'COMMAND_NOT_FOUND', 'cannot change to the working directory "/x" in the container: No such file or directory'],
    // later
    ['executable file `/no/such` not found: No such file or directory', 'COMMAND_NOT_FOUND', 'executable file "/no/such" not found in the container'],
    ['cannot find `` in $PATH: No such file or directory', 'COMMAND_NOT_FOUND', 'executable file "" not found in the container\'s $PATH'],
    ['the path `/etc` is not a regular file: Operation not permitted', 'COMMAND_NOT_EXECUTABLE', '"/etc" can\'t be executed in the container: it is a directory or another special file'],
    ['the path `/etc/passwd` exists but it is not executable: Operation not permitted', 'COMMAND_NOT_EXECUTABLE', '"/etc/passwd" can\'t be executed in the container: Permission denied'],
    ['cannot open `/home/cmd`: Permission denied', 'COMMAND_NOT_EXECUTABLE', '"/home/cmd" can\'t be executed in the container: Permission denied'],
    ['open `cmd`: Not a directory', 'COMMAND_NOT_FOUND', 'executable file "cmd" not found in the container'],
    ['exec `/bin/cmd`: Exec format error', 'COMMAND_NOT_EXECUTABLE', '"/bin/cmd" can\'t be executed in the container: Exec format error'],
    ['exec container process `/bin/cmd`: Exec format error', 'COMMAND_NOT_EXECUTABLE', '"/bin/cmd" can\'t be executed in the container: Exec format error'],
    ['exec container process (missing dynamic library?) `/bin/cmd`: No such file or directory', 'COMMAND_NOT_FOUND', '"/bin/cmd" can\'t be executed in the container: its interpreter or dynamic loader does not exist there'],
  ])('names the command: %j', (said, code, message) => {
    expect(explainRuntimeFailure(said, 'cmd')).toMatchObject({ code, message });
  });

  it('does not take another file that crun could not open for the command', () => {
    expect(explainRuntimeFailure('open `/sys/fs/cgroup`: Permission denied', 'cmd')).toMatchObject({ code: 'TOOL_FAILED' });
  });
});
