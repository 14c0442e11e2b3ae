# fish completion for rung: the program itself says what a line can be completed with.

function __rung_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l lines (RUNG_COMPLETE=fish rung $words[2..-1] "$word" --generate-bash-completion 2>/dev/null)
    set -l parts (string split -m 1 = -- $word)
    set -l prefix
    if string match -q -- '-*=*' $word
        set prefix "$parts[1]="
        set word $parts[2]
    end
    switch "$lines[1]"
        case :file
            string replace -r '^' -- "$prefix" (__fish_complete_path $word)
        case :directory
            string replace -r '^' -- "$prefix" (__fish_complete_directories $word)
        case '*'
            string join \n -- $lines
    end
end

complete -c rung -f -a '(__rung_complete)'
