import type { Plugin } from 'esbuild';

export function makeLazy(source: string, name: string, version: string): string;
export function lazyRequires(oclif: { readonly version: string }): Plugin;
