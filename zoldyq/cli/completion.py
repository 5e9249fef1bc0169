"""Completion for bash, also of queue names that have a ":".

bash splits words at ":" before it asks, and replaces only the part behind the last one. So the
whole line is handed over, and what stands before the last ":" is taken off the answers.
"""

from __future__ import annotations

import os

from click.shell_completion import BashComplete, add_completion_class, split_arg_string

_SOURCE = """\
%(complete_func)s() {
    local IFS=$'\\n' line response completion type value before=""
    line="${COMP_LINE:0:COMP_POINT}"
    response=$(env COMP_LINE="$line" %(complete_var)s=bash_complete $1)
    if [[ $COMP_WORDBREAKS == *:* && ${line##* } == *:* ]]; then
        before="${line##* }"
        before="${before%%:*}:"
    fi
    for completion in $response; do
        IFS=',' read type value <<< "$completion"
        if [[ $type == 'dir' ]]; then
            COMPREPLY=()
            compopt -o dirnames
        elif [[ $type == 'file' ]]; then
            COMPREPLY=()
            compopt -o default
        elif [[ $type == 'plain' ]]; then
            COMPREPLY+=("${value#"$before"}")
        fi
    done
    return 0
}

%(complete_func)s_setup() {
    complete -o nosort -F %(complete_func)s %(prog_name)s
}

%(complete_func)s_setup;
"""


@add_completion_class
class ColonComplete(BashComplete):
    """Takes the place of click's completion for bash."""

    source_template = _SOURCE

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the cursor's, and that word as far as it is typed."""
        line = os.environ["COMP_LINE"]
        words = split_arg_string(line)
        if not words or line[-1:].isspace():
            words.append("")
        return words[1:-1], words[-1]
