#!/bin/sh
# Format and check the Java sources: google-java-format (AOSP style), and Error Prone's checks, every one an error but
# that of ordinals: the native side takes numbers.
# Both come from Maven's folder, where tools/android_toolchain.sh puts them; JAVA_LINT=required fails where they are
# missing. --fix formats.
set -eu
cd "$(dirname "$0")/.."

repository=${MAVEN_REPOSITORY:-$HOME/.m2/repository}
format=$repository/com/google/googlejavaformat/google-java-format/1.22.0/google-java-format-1.22.0-all-deps.jar
errorprone=$repository/com/google/errorprone/error_prone_core/2.31.0/error_prone_core-2.31.0-with-dependencies.jar
dataflow=$repository/io/github/eisop/dataflow-errorprone/3.41.0-eisop1/dataflow-errorprone-3.41.0-eisop1.jar
framework=build/cache/android/android-all-14.jar
for file in "$format" "$errorprone" "$dataflow" "$framework" "$(command -v javac || echo javac)"; do
    [ -e "$file" ] && continue
    echo "lint-java: $file is missing: tools/android_toolchain.sh fetches it" >&2
    [ "${JAVA_LINT:-}" != required ] || exit 1
    exit 0
done

internals=
for part in api code file main model parser processing tree util; do
    internals="$internals --add-exports jdk.compiler/com.sun.tools.javac.$part=ALL-UNNAMED"
done
opened="--add-opens jdk.compiler/com.sun.tools.javac.code=ALL-UNNAMED --add-opens jdk.compiler/com.sun.tools.javac.comp=ALL-UNNAMED"
sources=$(find android-demo/app/src exporter/android -name '*.java' | sort)

# shellcheck disable=SC2086 # lists of words
if [ "${1:-}" = --fix ]; then
    java $internals -jar "$format" --aosp --replace $sources
else
    java $internals -jar "$format" --aosp --dry-run --set-exit-if-changed $sources || {
        echo "lint-java: tools/lint_java.sh --fix formats these" >&2
        exit 1
    }
fi

# What was found clean once is not checked again.
key=$(cat $sources tools/lint_java.sh | sha256sum | cut -c1-32)
clean=build/lint/java-$key
[ ! -f "$clean" ] || exit 0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/classes" "$scratch/java/deepmark/demo"
# The class of resource numbers, without aapt2: one inner class of each kind that is named, with the names.
{
    echo "package deepmark.demo; public final class R {"
    for kind in array color drawable id layout mipmap plurals string style; do
        echo "  public static final class $kind {"
        grep -rhoE "\bR\.$kind\.[a-z0-9_]+" android-demo/app/src | sort -u | sed "s/.*\.\(.*\)/    public static int \1;/"
        echo "  }"
    done
    echo "}"
} > "$scratch/java/deepmark/demo/R.java"
# shellcheck disable=SC2086
javac -J-Xmx512m $(echo "$internals $opened" | sed 's/--add-\(exports\|opens\) /-J--add-\1=/g') -XDcompilePolicy=simple \
    --release 16 -encoding UTF-8 -processorpath "$errorprone:$dataflow" -cp "$framework" \
    "-Xplugin:ErrorProne -Xep:EnumOrdinal:OFF" -Werror -Xlint:all,-classfile,-processing,-options \
    -d "$scratch/classes" "$scratch/java/deepmark/demo/R.java" $(find android-demo/app/src/main/java -name '*.java')
mkdir -p build/lint
touch "$clean"
