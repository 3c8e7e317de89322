#!/bin/sh
# The rules of the house that a script can check: `sh tests/house.sh [ROOT]`, called by `make house` and `make test`.
#
# Prints `file:line: error: what is wrong` per finding and one line of totals; exits 1 when there is an error. Warnings only
# point at what grows. POSIX sh and awk; every rule is broken once by tests/house_test.sh. Exceptions stand by name below.
set -eu
LC_ALL=C
export LC_ALL
cd "${1:-.}"

# Only folders that exist are searched, so that a part of the tree can be checked.
roots=
for folder in tensor nn llama rlcd tools tests docs models .ci; do
    if [ -d "$folder" ]; then roots="$roots $folder"; fi
done

{
    # The golden folder holds data apart from the scripts that made it.
    find $roots -type f \( -name '*.[ch]' -o -name '*.inc' -o -name '*.sh' -o -name '*.py' -o -name '*.md' \)
    for file in Makefile README.md .ci/run; do
        if [ -f "$file" ]; then echo "$file"; fi
    done
} | sort -u | awk '
BEGIN {
    # The arrow: a folder includes itself and what has a smaller number; tests include anything.
    rank["tensor/base"] = 1; rank["tensor"] = 2; rank["nn"] = 3; rank["llama"] = 4; rank["rlcd"] = 5; rank["tools"] = 6
    rank["tests"] = 7

    # Calls that the product does not make, each with its reason.
    memory = "memory comes from an arena (tensor/base/arena.h)"
    ban("malloc calloc realloc reallocarray aligned_alloc posix_memalign memalign valloc free strdup strndup", memory)
    ban("mmap munmap mremap sbrk brk alloca getline getdelim asprintf vasprintf open_memstream", memory)
    floats("acos acosh asin asinh atan atan2 atanh cbrt ceil cos cosh erf erfc exp exp2 expm1 exp10 fdim floor fma fmax fmin")
    floats("fmod frexp hypot ilogb ldexp lgamma llrint llround log log10 log1p log2 logb lrint lround modf nearbyint")
    floats("nextafter pow remainder remquo rint round scalbln scalbn sin sinh sincos sqrtl tan tanh tgamma trunc")
    allowed["sqrtf"] = allowed["fmaf"] = 1
    ban("strtod strtof strtold atof atoi atol atoll sscanf fscanf scanf", "numbers are read by number_parse (tensor/base/str.h)")
    ban("setlocale newlocale uselocale", "no result depends on a locale")
    ban("rand srand rand_r random srandom drand48 lrand48 arc4random getrandom", "randomness comes from tensor/base/rng.h")
    ban("time gettimeofday clock clock_gettime ctime localtime localtime_r gmtime gmtime_r mktime strftime", "clocks belong to tensor/base")
    ban("assert", "a caller\047s mistake is a REQUIRE, bad input a Status")
    ban("strcpy strcat sprintf vsprintf gets", "writes without a bound")

    # Named exceptions: the one place of memory, the one place of file maps, the clocks.
    exempt("tensor/base/arena.c", "mmap munmap mremap")
    exempt("tensor/base/file.c", "mmap munmap")

    # Words left by unfinished work, spelled in two pieces so that this file passes.
    marks = "TO" "DO FIX" "ME XX" "X HA" "CK"
    mark_count = split(marks, mark_word, " ")
    lower_mark = "place" "holder"

    FILE_WARN = 500; FILE_FAIL = 900; FUNCTION_WARN = 60; FUNCTION_FAIL = 120; LINE_FAIL = 140
    CORE_FAIL = 12000; WHOLE_FAIL = 28000
}

function ban(names, why,   part, n, i) {
    n = split(names, part, " ")
    for (i = 1; i <= n; i++) banned[part[i]] = why
}

# A libm name, its float and long double forms and the builtins of the same name.
function floats(names,   part, n, i, why) {
    why = "of libm only fmaf, sqrtf and sqrt (numerics.md, A4)"
    n = split(names, part, " ")
    for (i = 1; i <= n; i++) ban(part[i] " " part[i] "f " part[i] "l __builtin_" part[i] " __builtin_" part[i] "f", why)
}

function exempt(file, names,   part, n, i) {
    n = split(names, part, " ")
    for (i = 1; i <= n; i++) free_to[file, part[i]] = 1
}

function fail(place, line, text) { print place ":" line ": error: " text; errors++ }
function warn(place, line, text) { print place ":" line ": warning: " text; warnings++ }

function base_name(path) { sub(/.*\//, "", path); return path }
function folder_of(path) { return path ~ /\// ? substr(path, 1, match(path, /\/[^\/]*$/) - 1) : "." }
function area_of(path) { return path ~ /^tensor\/base\// ? "tensor/base" : substr(path, 1, index(path, "/") - 1) }
function isa_of(path) { return path ~ /^tensor\/kernels\/[a-z0-9]+\// ? substr(folder_of(path), 16) : "" }
function stem_of(path) { return substr(path, 1, length(path) - 2) }
function trim(text) { gsub(/^[ \t]+|[ \t]+$/, "", text); return text }

# The line without comments and without the inside of string and character constants; sets `commented`.
function code_of(line,   out, token, end) {
    out = ""
    commented = 0
    for (;;) {
        if (in_comment) {
            commented = 1
            end = index(line, "*/")
            if (!end) return out
            line = substr(line, end + 2)
            in_comment = 0
        }
        if (!match(line, /\/\/|\/\*|"|\047/)) return out line
        out = out substr(line, 1, RSTART - 1)
        token = substr(line, RSTART, RLENGTH)
        line = substr(line, RSTART + RLENGTH)
        if (token == "//") { commented = 1; return out }
        if (token == "/*") { in_comment = 1; continue }
        if (token == "\"") end = match(line, /^([^"\\]|\\.)*"/)
        else end = match(line, /^([^\047\\]|\\.)*\047/)
        out = out token token
        line = end ? substr(line, RLENGTH + 1) : ""
    }
}

# Rules on the raw line, whatever the language: marks, blanks, tabs, length.
function check_text(file, number, line,   words, i) {
    if (line ~ /[ \t]$/) fail(file, number, "blanks at the end of the line")
    if (index(line, "\t") && file != "Makefile") fail(file, number, "a tab")
    if (file !~ /\.md$/ && !generated[file]) {
        words = line
        gsub(/[\200-\277]/, "", words)
        if (length(words) > LINE_FAIL) fail(file, number, "line of " length(words) " characters, at most " LINE_FAIL)
    }
    words = line
    gsub(/[^A-Za-z0-9_]+/, " ", words)
    words = " " words " "
    for (i = 1; i <= mark_count; i++)
        if (index(words, " " mark_word[i] " ")) fail(file, number, "a leftover mark: " mark_word[i])
    if (file !~ /\.md$/ && index(tolower(words), lower_mark)) fail(file, number, "a leftover mark: " lower_mark)
}

# A quoted include is a path from the root that exists, and points to the left.
function check_include(file, number, line,   path, from, to) {
    if (line !~ /^[ \t]*#[ \t]*include[ \t]*"/) return
    path = line
    sub(/^[^"]*"/, "", path)
    sub(/".*/, "", path)
    # The list of suites is written by the Makefile into the build folder.
    if (file == "tests/runner.c" && path == "suites.inc") return
    if (!(path in known)) { fail(file, number, "includes \"" path "\", which is not a path from the root"); return }
    from = area_of(file)
    to = area_of(path)
    if (to == "tests" && from != "tests") fail(file, number, "includes " path ": nothing includes tests")
    else if (rank[to] > rank[from]) fail(file, number, "includes " path ": " from " may not know " to)
}

# Calls of banned names; a member of the same name (kernels.exp) is not a call of libc.
function check_calls(file, number, code,   before, name) {
    before = ""
    while (match(code, /[A-Za-z_][A-Za-z_0-9]*[ ]*\(/)) {
        name = substr(code, RSTART, RLENGTH - 1)
        sub(/ *$/, "", name)
        before = before substr(code, 1, RSTART - 1)
        if ((name in banned) && !(name in allowed) && before !~ /(\.|->) *$/ && !((file, name) in free_to) &&
            !(banned[name] ~ /^clocks/ && area_of(file) == "tensor/base"))
            fail(file, number, name "(): " banned[name])
        before = before substr(code, RSTART, RLENGTH)
        code = substr(code, RSTART + RLENGTH)
    }
    if (before code ~ /MAP_ANON/ && file != "tensor/base/arena.c") fail(file, number, "anonymous memory: " memory)
}

# The name of the function that a declaration, a definition or the head of a test introduces.
function declared_name(text) {
    if (text ~ /^START_TEST *\(/) { sub(/^START_TEST *\( */, "", text); sub(/[^A-Za-z_0-9].*/, "", text); return text }
    sub(/ *\(.*/, "", text)
    sub(/.*[^A-Za-z_0-9]/, "", text)
    return text
}

# What a finished statement or the head of a function at the outermost level means.
function check_declaration(file, text, is_body,   name) {
    text = trim(text)
    if (text !~ /\(/ || text ~ /^(typedef|_Static_assert|__attribute__|struct [A-Za-z_0-9]+ *$)/ || text ~ /=/) return
    name = declared_name(text)
    if (file ~ /\.h$/ && area_of(file) != "tests" && !has_comment) fail(file, statement_line, name "() has no comment above it")
    # Ops on the tape and layers with a backward pass must be differentiated by a test.
    if (file ~ /^(tensor|nn)\/[^\/]*\.h$/ && text ~ /^Tensor \*[a-z_0-9]+\(Tape \*/ && (stem_of(file) ".c") in known) {
        must_differentiate(name, file)
        has_op[stem_of(file)] = 1
    }
    if (file ~ /^nn\/.*\.c$/ && is_body && sub(/_backward$/, "", name)) must_differentiate(name, file)
}
function must_differentiate(name, file) {
    if (name in op_file) return
    op_name[++ops] = name
    op_file[name] = file
    op_line[name] = statement_line
}

# Follows braces to find functions, their length, and declarations of headers.
function follow(file, number, code,   at, symbol, piece) {
    while (match(code, /[{};]/)) {
        at = RSTART
        symbol = substr(code, at, 1)
        piece = substr(code, 1, at - 1)
        code = substr(code, at + 1)
        if (depth == 0) gather(number, piece)
        if (symbol == "{") {
            if (depth == 0) {
                in_function = trim(statement) ~ /\)$/ && statement !~ /=/
                function_name = declared_name(trim(statement))
                function_line = statement_line
                if (in_function) check_declaration(file, statement, 1)
            }
            depth++
        } else if (symbol == "}") {
            depth--
            if (depth < 0) { fail(file, number, "braces do not balance"); depth = 0 }
            if (depth == 0 && in_function) {
                check_length(file, number - function_line + 1)
                statement = ""
                in_function = 0
            }
        } else if (depth == 0) {
            check_declaration(file, statement, 0)
            statement = ""
        }
    }
    if (depth == 0) gather(number, code)
}
function check_length(file, lines) {
    if (lines > FUNCTION_FAIL) fail(file, function_line, function_name "() has " lines " lines, at most " FUNCTION_FAIL)
    else if (lines > FUNCTION_WARN) warn(file, function_line, function_name "() has " lines " lines, better " FUNCTION_WARN)
}
function gather(number, piece) {
    if (piece ~ /^[ \t]*END_TEST[ \t]*$/) return
    if (trim(statement) == "" && trim(piece) != "") statement_line = number
    statement = statement " " piece
}

function check_source(file,   line, number, counted, code, continued, i, words, count, part) {
    depth = in_comment = in_function = has_comment = number = counted = continued = 0
    statement = ""
    while ((getline line < file) > 0) {
        number++
        # A generated table says so in its first line, with the script that makes it; sizes do not bind it.
        if (number == 1 && line ~ /^\/\/ Generated by /) {
            split(line, part, " ")
            generated[file] = 1
            if (!(part[4] in known)) fail(file, 1, "generated by " part[4] ", which does not exist")
        }
        check_text(file, number, line)
        check_include(file, number, line)
        if (trim(line) == "" && depth == 0) has_comment = 0
        code = code_of(line)
        if (code ~ /[^ \t{}();,]/ && code !~ /^[ \t]*#[ \t]*(include|endif)/) counted++
        if (commented) has_comment = 1
        if (area_of(file) != "tests") check_calls(file, number, code)
        else if (file ~ /^tests\/test_[^\/]*\.c$/) {
            words = code
            gsub(/[^A-Za-z0-9_]+/, " ", words)
            count = split(words, part, " ")
            for (i = 1; i <= count; i++) spoken[part[i], file] = 1
            if (line ~ /gradcheck/) differentiates[file] = 1
        }
        # Directives and their continued lines stand outside the braces.
        if (continued || code ~ /^[ \t]*#/) continued = code ~ /\\$/
        else follow(file, number, code)
    }
    close(file)
    if (depth != 0) fail(file, number, "braces do not balance")
    count_lines(file, number, counted)
}

function check_other(file,   line, number) {
    number = 0
    while ((getline line < file) > 0) check_text(file, ++number, line)
    close(file)
    if (file !~ /\.md$/) count_lines(file, number, number)
}

# The size of a file is all its lines. The sizes of the whole are counted lines: no blanks, comments, includes or lone brackets
# (docs/decisions.md).
function count_lines(file, number, counted) {
    files++
    if (generated[file]) return
    if (number > FILE_FAIL) fail(file, 1, number " lines, at most " FILE_FAIL)
    else if (number > FILE_WARN) warn(file, 1, number " lines, better " FILE_WARN)
    if (file ~ /^tests\//) return
    whole += counted
    if (file ~ /^(tensor|nn|llama|rlcd)\//) core += counted
}

# One header for each source file, and one place for each name.
function check_names(file,   stem, name, parent, i, n, isas) {
    name = base_name(file)
    stem = stem_of(file)
    if (isa_of(file) != "") {
        # Twins: every vector folder holds the same sources; a scalar source is the specification of a text.
        if (file !~ /\.c$/) return
        n = split(isa_of(file) == "scalar" ? "" : isa_of(file) == "avx512" ? "avx2" : "avx2 neon", isas, " ")
        for (i = 1; i <= n; i++)
            if (!(("tensor/kernels/" isas[i] "/" name) in known)) fail(file, 1, "has no twin in tensor/kernels/" isas[i] "/")
        stem = "tensor/kernels/lanes_" substr(name, 1, length(name) - 2) ".h"
        if (isa_of(file) == "scalar" && !(stem in known)) fail(file, 1, "has no vector text " stem)
        return
    }
    # The other way round: a vector text has its scalar specification.
    if (file ~ /^tensor\/kernels\/lanes_[a-z0-9]+\.h$/ && name != "lanes_table.h") {
        parent = "tensor/kernels/scalar/" substr(name, 7, length(name) - 8) ".c"
        if (!(parent in known)) fail(file, 1, "has no specification " parent)
    }
    if (name in owner) fail(file, 1, "the name is taken by " owner[name])
    owner[name] = file
    if (file ~ /\.c$/ && area_of(file) != "tests" && !((stem ".h") in known)) {
        # One header with several sources: tokenizer.h and comm.h. Verbs of the program and main have none.
        parent = name ~ /^(tokenizer|comm)_[a-z0-9_]+\.c$/ ? folder_of(file) "/" substr(name, 1, index(name, "_") - 1) ".h" : ""
        if (file != "tools/main.c" && file !~ /^tools\/cmd_[a-z0-9_]+\.c$/ && !(parent in known))
            fail(file, 1, "has no header " stem ".h")
    }
    if (file ~ /\.inc$/ && !generated[file]) fail(file, 1, "an .inc file is a generated table and says so in its first line")
}

function tested(name,   file) {
    for (file in differentiates) if ((name, file) in spoken) return 1
    return 0
}

{ known[$0] = 1; path[++paths] = $0 }

END {
    for (p = 1; p <= paths; p++) {
        if (path[p] ~ /\.([ch]|inc)$/) { check_source(path[p]); check_names(path[p]) }
        else check_other(path[p])
    }

    # A gradient test for each op; a layer whose op is tested has its backward pass tested by it.
    for (i = 1; i <= ops; i++) {
        name = op_name[i]
        covered = op_file[name] ~ /\.c$/ && stem_of(op_file[name]) in has_op
        if (!covered && !tested(name) && !tested(name "_backward"))
            fail(op_file[name], op_line[name], name "() is in no test that uses gradcheck")
    }

    if (core > CORE_FAIL) fail("tensor nn llama rlcd", 1, core " counted lines together, at most " CORE_FAIL)
    if (whole > WHOLE_FAIL) fail("the whole without tests and tables", 1, whole " counted lines, at most " WHOLE_FAIL)
    printf "house: %d files, %d counted lines in tensor nn llama rlcd (at most %d), %d without tests (at most %d),", files, core, CORE_FAIL,
        whole, WHOLE_FAIL
    printf " %d warnings, %d errors\n", warnings, errors
    exit errors > 0
}'
