import { expect, test } from 'vitest';
import { generateUnit, type GenerateOptions } from '../../../src/systemd/generate.ts';

const facts = { id: 'abc', name: 'web', stopTimeout: 10, createCommand: ['scull', 'container', 'run', '-d', '--name', 'web', '-e', 'PRICE=5$', 'nginx', '100%'] };
const options: GenerateOptions = { new: false, useName: true, prefix: 'container', separator: '-', restart: 'on-failure', template: false, wants: [], after: [], requires: [], env: [], header: false };
const lines = (given: Partial<GenerateOptions>) => generateUnit(facts, { ...options, ...given }, ['/usr/bin/scull']).text.split('\n');

test('a container that is there is started and stopped', () => {
  const { name, text } = generateUnit(facts, options, ['/usr/bin/scull']);
  expect(name).toBe('container-web.service');
  expect(text).toBe(`[Unit]
Description=Scull container-web.service

[Service]
Environment=PODMAN_SYSTEMD_UNIT=%n
Restart=on-failure
TimeoutStopSec=70
Type=notify
NotifyAccess=all
KillMode=mixed
Environment=SCULL_SDNOTIFY=conmon
ExecStart=/usr/bin/scull start web
ExecStop=/usr/bin/scull stop -t 10 web

[Install]
WantedBy=default.target
`);
});

test('with --new it is made by the command that made it, in which nothing means anything to systemd', () => {
  expect(lines({ new: true })).toEqual(
    expect.arrayContaining([
      'ExecStart=/usr/bin/scull run --name web --cgroups no-conmon --rm --sdnotify conmon --replace -d -d --name web -e PRICE=5$$ nginx 100%%',
      'ExecStop=/usr/bin/scull stop --ignore -t 10 web',
      'ExecStopPost=-/usr/bin/scull rm -f --ignore -t 10 web',
    ]),
  );
});

test('instances of a template have names of their own', () => {
  expect(generateUnit(facts, { ...options, new: true, template: true }, ['/usr/bin/scull']).name).toBe('container-web@.service');
  expect(lines({ new: true, template: true })).toContain('ExecStart=/usr/bin/scull run --name web-%i --cgroups no-conmon --rm --sdnotify conmon --replace -d -d -e PRICE=5$$ nginx 100%%');
});

test('what else can be said ends up in its place', () => {
  expect(lines({ useName: false, restart: 'always', restartSeconds: 5, startTimeout: 90, stopTimeout: 3, wants: ['a.service'], after: ['b.service'], requires: ['c.service'], env: ['X=y'] })).toEqual(
    expect.arrayContaining(['Restart=always', 'RestartSec=5', 'TimeoutStartSec=90', 'TimeoutStopSec=63', 'Wants=a.service', 'After=b.service', 'Requires=c.service', 'Environment=X=y', 'ExecStart=/usr/bin/scull start abc']),
  );
});
