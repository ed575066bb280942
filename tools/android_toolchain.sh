#!/bin/sh
# Fetch what the tests of the Android app need: a JDK, Maven and apksigner (Debian and Ubuntu), Android's tools in
# build/cache, and in Maven's own folder what android-demo/pom.xml and tools/lint_java.sh name. Does nothing where all
# of it is there; safe to call again. What cannot be fetched is said, and the tests that need it are skipped.
set -eu
cd "$(dirname "$0")/.."

sh tools/debian_packages.sh javac:openjdk-17-jdk-headless mvn:maven apksigner:apksigner \
    aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu
command -v mvn >/dev/null 2>&1 || { echo "without Maven nothing is fetched for the Android app's tests" >&2; exit 0; }

# Each part once: a file of this name says that it was fetched for this pom and this script.
key=$(cat android-demo/pom.xml tools/android_toolchain.sh | sha256sum | cut -c1-16)
done_file=build/cache/android/.fetched-$key
repository=${MAVEN_REPOSITORY:-$HOME/.m2/repository}
[ ! -f "$done_file" ] || [ ! -d "$repository/org/robolectric" ] || exit 0
mkdir -p build/cache/android

get() { mvn --quiet --batch-mode dependency:get -Dtransitive=false -Dartifact="$1" >&2; }
ok=yes
for artifact in org.robolectric:android-all:14-robolectric-10818077 org.robolectric:android-all:10-robolectric-5803371 \
    org.robolectric:android-all:8.0.0_r4-robolectric-r1 \
    com.google.googlejavaformat:google-java-format:1.22.0:jar:all-deps \
    com.google.errorprone:error_prone_core:2.31.0:jar:with-dependencies \
    io.github.eisop:dataflow-errorprone:3.41.0-eisop1; do
    get "$artifact" || { echo "cannot fetch $artifact" >&2; ok=no; }
done
# The framework is the same file for the tests and for javac: one copy serves both.
framework=$repository/org/robolectric/android-all/14-robolectric-10818077/android-all-14-robolectric-10818077.jar
[ ! -f "$framework" ] || ln -f "$framework" build/cache/android/android-all-14.jar 2>/dev/null ||
    cp "$framework" build/cache/android/android-all-14.jar
DEEPMARK_CACHE=$PWD/build/cache .venv/bin/deepmark doctor --android --fetch >&2 || ok=no
# One test, so that Maven fetches its plugins and Robolectric's native graphics, too.
linked=$PWD/build/android-tests/warm
rm -rf "$linked" && mkdir -p "$linked"
DEEPMARK_CACHE=$PWD/build/cache .venv/bin/python - "$linked" <<'PYTHON' >&2 &&
import pathlib, sys
from deepmark.exporter.android.package import link_resources
from deepmark.exporter.android.project import AndroidProject, AppIndex
from deepmark.exporter.android.tool_chain import find_tools

index = AppIndex(format=1, stand_in=True, built_with="", bundles=())
link_resources(AndroidProject(pathlib.Path("android-demo"), index), find_tools(), pathlib.Path(sys.argv[1]))
PYTHON
    mvn --quiet --batch-mode --file android-demo/pom.xml -Dlinked="$linked" -Dsdk=34 -Dtest=BundleIndexTest test >&2 || ok=no
[ "$ok" = no ] || touch "$done_file"
