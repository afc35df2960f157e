// Completion for three shells, from what each verb declares. Values with known choices are offered;
// everything else completes to files.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tools/verb.hpp"

namespace narrows::tools {
namespace {

using Options = std::vector<OptionInfo>;

bool takes_value(const OptionInfo& option) {
    return !option.argument && !option.flag;
}

std::string join(const std::vector<std::string>& words, std::string_view between = " ") {
    return fmt::format("{}", fmt::join(words, between));
}

// Known values of the first argument.
std::vector<std::string> first_argument(const Options& options) {
    for (const OptionInfo& option : options)
        if (option.argument) return option.choices;
    return {};
}

// What goes before the verb, too.
Options common_options() {
    Options out;
    for (OptionInfo& option : options_of(*find_verb("train")))
        if (option.group == "Everywhere") out.push_back(std::move(option));
    return out;
}

// Words before the verb that take the next word with them.
std::string before_verb() {
    std::string out;
    for (const std::string_view name : common_value_options())
        out += fmt::format("{}{}", out.empty() ? "" : "|", name);
    return out;
}

// Verbs of two words: the first once, the second by the first.
std::vector<std::string> first_words() {
    std::vector<std::string> out;
    for (const Verb& verb : verbs()) {
        std::string word(verb.name.substr(0, verb.name.find(' ')));
        if (out.empty() || out.back() != word) out.push_back(std::move(word));
    }
    return out;
}
std::vector<std::string> second_words(std::string_view first) {
    std::vector<std::string> out;
    for (const Verb& verb : verbs())
        if (verb.name.size() > first.size() && verb.name.starts_with(first) &&
            verb.name[first.size()] == ' ')
            out.emplace_back(verb.name.substr(first.size() + 1));
    return out;
}
std::string_view summary_of(std::string_view first) {
    const Verb* verb = find_verb(first);
    if (verb != nullptr) return verb->summary;
    for (const Verb& v : verbs())
        if (v.name.starts_with(first)) return v.summary;
    return {};
}

// 'text' for a shell.
std::string in_quotes(std::string_view text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'')
            out += "'\\''";
        else
            out += c;
    }
    return out + "'";
}
// fish: \' inside quotes.
std::string fish_quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text)
        out += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    return out + "'";
}

std::string bash() {
    std::string two;
    for (const std::string& word : first_words())
        if (const auto seconds = second_words(word); !seconds.empty())
            two += fmt::format("        {}) values='{}' ;;\n", in_quotes(word), join(seconds));
    std::string tables, values, before;
    std::vector<std::string> everywhere;
    for (const OptionInfo& option : common_options()) {
        everywhere.insert(everywhere.end(), option.names.begin(), option.names.end());
        if (!option.choices.empty())
            before += fmt::format("                {}) values='{}' ;;\n", join(option.names, "|"),
                                  join(option.choices));
    }
    for (const Verb& verb : verbs()) {
        const Options options = options_of(verb);
        std::vector<std::string> names, valued;
        for (const OptionInfo& option : options) {
            if (option.argument) continue;
            names.insert(names.end(), option.names.begin(), option.names.end());
            if (!takes_value(option)) continue;
            valued.insert(valued.end(), option.names.begin(), option.names.end());
            if (option.choices.empty()) continue;
            std::vector<std::string> cases;
            for (const std::string& name : option.names)
                cases.push_back(fmt::format("'{} {}'", verb.name, name));
            values +=
                fmt::format("        {}) values='{}' ;;\n", join(cases, "|"), join(option.choices));
        }
        tables += fmt::format(
            "        '{}')\n            options='{}'\n            valued=' {} '\n            "
            "first='{}' ;;\n",
            verb.name, join(names), join(valued), join(first_argument(options)));
    }
    return fmt::format(R"(# bash completion of narrows; made by `narrows completion bash`
_narrows() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}
    local verb= options= valued= first= values= i at=0 arguments=0
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; ++i)); do
        case ${{COMP_WORDS[i]}} in
            {}) ((++i)) ;;
            -*) ;;
            *)
                verb="$verb${{verb:+ }}${{COMP_WORDS[i]}}" at=$i
                case $verb in {}) ;; *) break ;; esac ;;
        esac
    done
    case $verb in
        '')
            if ((i > COMP_CWORD)); then  # the value of an option
                case $prev in
{}                esac
            elif [[ $cur == -* ]]; then
                values='{}'
            else
                values='{}'
            fi ;;
{}{}    esac
    if [[ -n $options ]]; then
        for ((i = at + 1; i < COMP_CWORD; ++i)); do
            case ${{COMP_WORDS[i]}} in
                -*) [[ $valued == *" ${{COMP_WORDS[i]}} "* ]] && ((++i)) ;;
                *) ((++arguments)) ;;
            esac
        done
        if [[ $valued == *" $prev "* ]]; then
            case "$verb $prev" in
{}            esac
        elif [[ $cur == -* ]]; then
            values=$options
        elif ((arguments == 0)); then
            values=$first
        fi
    fi
    # Nothing to offer: bash completes files.
    [[ -z $values ]] || mapfile -t COMPREPLY < <(compgen -W "$values" -- "$cur")
}}
complete -o bashdefault -o default -F _narrows narrows
)",
                       before_verb(),
                       [] {
                           std::vector<std::string> heads;
                           for (const std::string& word : first_words())
                               if (!second_words(word).empty()) heads.push_back(word);
                           return join(heads, "|");
                       }(),
                       before, join(everywhere), join(first_words()), two, tables, values);
}

std::string zsh_action(const OptionInfo& option) {
    if (option.choices.empty()) return "_files";
    if (option.value == "NAME") return fmt::format("({})", join(option.choices));
    return fmt::format("{{compadd -- {}; _files}}", join(option.choices));
}

// What _arguments takes for one option.
std::string zsh_option(const OptionInfo& option, std::string_view indent) {
    std::string body, text;
    for (const char c : option.doc)
        body += c == '[' || c == ']' || c == ':' || c == '\\' ? std::string("\\") + c
                                                              : std::string(1, c);
    std::string tail = "[" + body + "]";
    if (!option.flag) tail += ":" + option.value + ":" + zsh_action(option);
    for (const std::string& name : option.names)
        text += fmt::format(" \\\n{}  {}", indent, in_quotes("*" + name + tail));
    return text;
}

std::string zsh_arguments(const Verb& verb, std::string_view indent) {
    std::string text = fmt::format("{}_arguments -S", indent);
    bool argument = false;
    for (const OptionInfo& option : options_of(verb)) {
        if (option.argument) {
            if (argument) continue;
            argument = true;
            if (option.choices.empty()) continue;
            text += fmt::format(
                " \\\n{}  {}", indent,
                in_quotes(fmt::format("1:{}:({})", option.names.front(), join(option.choices))));
            continue;
        }
        text += zsh_option(option, indent);
    }
    return text + fmt::format(" \\\n{}  '*:file:_files'\n", indent);
}

std::string zsh() {
    std::string list, cases, before;
    for (const OptionInfo& option : common_options()) before += zsh_option(option, "    ");
    for (const std::string& word : first_words()) {
        list += fmt::format("    {}\n", in_quotes(fmt::format("{}:{}", word, summary_of(word))));
        const auto seconds = second_words(word);
        if (seconds.empty()) {
            cases += fmt::format("        {})\n{}            ;;\n", word,
                                 zsh_arguments(*find_verb(word), "            "));
            continue;
        }
        cases += fmt::format(
            "        {})\n            if ((CURRENT == 2)); then\n                compadd -- {}\n   "
            "             return\n            fi\n"
            "            shift words; ((--CURRENT))\n            case $words[1] in\n",
            word, join(seconds));
        for (const std::string& second : seconds)
            cases +=
                fmt::format("                {})\n{}                    ;;\n", second,
                            zsh_arguments(*find_verb(word + " " + second), "                    "));
        cases += "            esac ;;\n";
    }
    return fmt::format(R"(#compdef narrows
# zsh completion of narrows; made by `narrows completion zsh`
_narrows() {{
    local curcontext="$curcontext" state line
    local -a verbs
    verbs=(
{}    )
    _arguments -C -A '-*'{} \
      '1:verb:->verb' '*::argument:->rest'
    case $state in
        verb) _describe verb verbs ;;
        rest)
        case $words[1] in
{}        esac ;;
    esac
}}
if [[ $funcstack[1] == _narrows ]]; then _narrows "$@"; else compdef _narrows narrows; fi
)",
                       list, before, cases);
}

std::string fish_option(const OptionInfo& option, std::string_view when) {
    std::string text = fmt::format("complete -c narrows -n {}", when);
    for (const std::string& name : option.names)
        text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    if (!option.flag) text += " -r";
    if (!option.choices.empty()) text += " -a " + fish_quoted(join(option.choices));
    return text + fmt::format(" -d {}\n", fish_quoted(option.doc));
}

std::string fish() {
    std::string text =
        fmt::format(R"(# fish completion of narrows; made by `narrows completion fish`
function __narrows_verb
    set -l words (commandline -opc) # finished words
    set -l verb
    set -l skip 0
    for word in $words[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case {}
                set skip 1
            case '-*'
            case '*'
                set verb $verb $word
                if not contains -- "$verb" {}
                    break
                end
        end
    end
    echo "$verb"
end
complete -c narrows -e
)",
                    [] {
                        std::string out;
                        for (const std::string_view name : common_value_options())
                            out += fmt::format("{}{}", out.empty() ? "" : " ", name);
                        return out;
                    }(),
                    [] {
                        std::vector<std::string> heads;
                        for (const std::string& word : first_words())
                            if (!second_words(word).empty()) heads.push_back(word);
                        return join(heads);
                    }());
    for (const std::string& word : first_words()) {
        text += fmt::format("complete -c narrows -n 'test -z (__narrows_verb)' -f -a {} -d {}\n",
                            word, fish_quoted(summary_of(word)));
        for (const std::string& second : second_words(word))
            text +=
                fmt::format("complete -c narrows -n 'test (__narrows_verb) = {}' -f -a {} -d {}\n",
                            word, second, fish_quoted(find_verb(word + " " + second)->summary));
    }
    for (const OptionInfo& option : common_options())
        text += fish_option(option, "'test -z (__narrows_verb)'");
    for (const Verb& verb : verbs()) {
        const std::string when =
            fish_quoted(fmt::format("test (__narrows_verb) = \"{}\"", verb.name));
        const Options options = options_of(verb);
        if (const auto first = first_argument(options); !first.empty())
            text +=
                fmt::format("complete -c narrows -n {} -a {}\n", when, fish_quoted(join(first)));
        for (const OptionInfo& option : options)
            if (!option.argument) text += fish_option(option, when);
    }
    return text;
}

}  // namespace

int completion(CommandLine& line) {
    std::string shell;
    line.positional("SHELL", shell, "bash, zsh or fish");
    line.offer("SHELL", {"bash", "zsh", "fish"});
    line.parse();
    if (shell == "bash")
        fmt::print("{}", bash());
    else if (shell == "zsh")
        fmt::print("{}", zsh());
    else if (shell == "fish")
        fmt::print("{}", fish());
    else
        throw Error(Fault::usage,
                    fmt::format("completion knows bash, zsh and fish, not \"{}\"", shell));
    return 0;
}

}  // namespace narrows::tools
