/** A command that suites break in the middle, again and again: by a kill, by a call that fails. */
export interface Scenario {
  readonly what: string;
  /** Makes what the command is to change. */
  readonly before?: () => Promise<unknown>;
  readonly args: () => readonly string[];
  /** Makes what the command is to make, after it was broken; given where the same words would not do: some of it may be there already. */
  readonly again?: () => Promise<unknown>;
  /** Takes away what the command has made. */
  readonly after: () => Promise<unknown>;
}
