/** What `scull completion SHELL` prints: the shell's side of the protocol of complete.ts. */

export type Shell = 'bash' | 'zsh' | 'fish';

// Readline splits words at `=` and `:`, so a candidate must lack what stands before the last of them; and nothing the
// user typed is ever evaluated.
const BASH = `# bash completion for scull. Load it with:  source <(scull completion bash)
_scull() {
  local line="\${COMP_LINE:0:COMP_POINT}" words current piece prefix answer then candidate value
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] || \${#words[@]} -eq 1 ]] && words+=("")
  current="\${words[-1]}"
  answer="$("\${words[0]/#\\~/$HOME}" __complete "\${words[@]:1}" 2> /dev/null)" || return
  then="\${answer##*$'\\n'}"
  piece="\${current##*[=:]}"
  prefix="\${current%"$piece"}"
  COMPREPLY=()
  while IFS= read -r candidate; do
    [[ $candidate == :end || $candidate == :open || $candidate == :files ]] && continue
    value="\${candidate%%$'\\t'*}"
    COMPREPLY+=("$(printf %q "\${value#"$prefix"}")")
  done <<< "$answer"
  case $then in
    :open) compopt -o nospace ;;
    :files) compopt -o default -o filenames; while IFS= read -r candidate; do COMPREPLY+=("$candidate"); done < <(compgen -f -- "$piece") ;;
  esac
}
complete -F _scull scull
`;

const ZSH = `#compdef scull
# zsh completion for scull. Put it into a directory of $fpath as _scull, or:  source <(scull completion zsh)
_scull() {
  local -a answer candidates
  local then line value
  answer=("\${(@f)$("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2> /dev/null)}")
  then="\${answer[-1]}"
  for line in "\${(@)answer[1,-2]}"; do
    value="\${line%%$'\\t'*}"
    if [[ $line == *$'\\t'* ]]; then
      candidates+=("\${value//:/\\\\:}:\${line#*$'\\t'}")
    else
      candidates+=("\${value//:/\\\\:}")
    fi
  done
  case $then in
    :files) _files ;;
    :open) _describe scull candidates -S '' ;;
    *) _describe scull candidates ;;
  esac
}
if [[ $funcstack[1] == _scull ]]; then
  _scull "$@"
else
  compdef _scull scull
fi
`;

const FISH = `# fish completion for scull. Put it into ~/.config/fish/completions/scull.fish, or:  scull completion fish | source
function __scull_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l answer ($words[1] __complete $words[2..-1] "$current" 2> /dev/null)
    or return
    if test "$answer[-1]" = :files
        __fish_complete_path "$current"
    else if test (count $answer) -gt 1
        printf '%s\\n' $answer[1..-2]
    end
end
complete -c scull -f -a '(__scull_complete)'
`;

export function completionScript(shell: Shell): string {
  return { bash: BASH, zsh: ZSH, fish: FISH }[shell];
}
