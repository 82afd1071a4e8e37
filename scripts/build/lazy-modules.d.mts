import type { Plugin } from 'esbuild';

export function commonJsModule(source: string, name: string, define: Readonly<Record<string, string>>): Promise<string>;
export function lazyModules(define: Readonly<Record<string, string>>): Plugin;
