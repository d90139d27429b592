# What `./dev test` does, in stages. Sourced by ./dev, which has installed what is needed.
#
# The behaviour tests run as root and, from a copy, as an ordinary user, three at a time: what anybody sees in the same way
# (the mark any_user) as root only. Each stage leaves its output in a file and a count in $work/counts: "PASSED FAILED SKIPPED".

test_user=hrfs-test
seconds=30 # of each fuzzer, and of the stress in all as each user: a share of it for each test
shares=15
seed=${HRFS_SEED:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}
started=$(date +%s)
leaks=detect_leaks=0 # of the runs as an ordinary user: a third of a mount's time, and root's runs look for them
fuse_mode=
made_user=
way=
children=

# A chroot's / is no mount, so that nothing can be mounted apart from the rest of the machine: it is made one.
if [ "$(id -u)" = 0 ] && ! grep -qE '^([^ ]+ ){4}/ ' /proc/self/mountinfo; then
	say "/ is no mount here: going on in a mount of it, on /mnt"
	exec unshare --mount --propagation unchanged sh -c '
		mount --rbind / /mnt && mount --make-rprivate /mnt && exec chroot /mnt "$@"' \
		sh "$here/dev" test --yes ${long:+--long}
fi

work=$(mktemp -d "${HRFS_TEST_DIR:-/var/tmp}/hrfs-dev.XXXXXX") || die "no room for a temporary directory"
chmod 755 "$work"

end_tree() { # PID
	for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
		end_tree "$child"
	done
	kill -TERM "$1" 2>/dev/null
}

clean_up() {
	trap - EXIT
	for pid in $children; do
		end_tree "$pid"
	done
	wait
	for disk in $(cat "$work/disks" 2>/dev/null); do
		umount "$disk" 2>/dev/null || umount -l "$disk"
	done
	if [ -n "$way" ]; then
		umount "$way" || umount -l "$way"
		rmdir "$way" # never with what is in it: that is the tree
	fi
	[ -z "$fuse_mode" ] || chmod "$fuse_mode" /dev/fuse
	[ -z "$made_user" ] || userdel -r "$test_user" >/dev/null 2>&1
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

stage() {
	say "[$(($(date +%s) - started)) s] $*"
}

count() { # PASSED FAILED SKIPPED
	echo "$1 $2 ${3:-0}" >>"$work/counts"
}

check() { # WHAT COMMAND...: one thing that passes or fails
	what=$1
	shift
	if "$@"; then
		count 1 0
	else
		count 0 1
		failed "$what"
	fi
}

# At once, and again at the end: what lies between may be long.
failed() { # WHAT
	echo "$*" >>"$work/failures"
	say "FAILED: $*"
}

# ---- who runs the tests ----

user_can_mount() {
	setpriv --reuid "$test_user" --regid "$test_user" --init-groups sh -c ': <>/dev/fuse' 2>/dev/null
}

prepare_user() {
	if [ "$(id -u)" != 0 ]; then
		say "not root: everything runs as $(id -un) only; what needs root is skipped"
		return
	fi
	if ! id "$test_user" >/dev/null 2>&1; then
		useradd --create-home --shell /bin/sh "$test_user" || die "could not create the user $test_user"
		made_user=1
	fi
	if ! user_can_mount; then
		[ ! -S /run/udev/control ] || die "/dev/fuse is closed to users by this machine's device manager"
		fuse_mode=$(stat -c %a /dev/fuse)
		say "/dev/fuse has mode $fuse_mode and no device manager runs: 666 until the tests are over"
		chmod 666 /dev/fuse || die "could not open /dev/fuse to users"
	fi
}

# An ext4 of its own for the trees of the tests, so that they depend on the machine's as little as can be: on one without a
# journal, for example, each new file passes over all that were removed in the last seconds. Without a loop device, or
# not as root, they lie beside the logs.
make_disk() { # NAME: prints where the trees go
	place=$work/$1
	mkdir "$place" && truncate -s 8G "$place.img" || die "no room for a disk image"
	if [ "$(id -u)" = 0 ] && mkfs.ext4 -q "$place.img" && mount -o loop "$place.img" "$place" 2>/dev/null; then
		echo "$place" >>"$work/disks"
	fi
	chmod 1777 "$place"
	echo "$place"
}

# root's tests start programs of this tree as other users, who may not look where it lies (/root): then by a way that is open.
open_tree() {
	[ "$(id -u)" = 0 ] && ! setpriv --reuid "$test_user" --regid "$test_user" --init-groups test -r "$here/dev" || return 0
	way=$(mktemp -d /var/tmp/hrfs-tree.XXXXXX) && chmod 755 "$way" && mount --bind "$here" "$way" || die "no way into $here for other users"
	here=$way
	export HRFS_BUILD="$here/build-test"
}

# The tree may lie where no other user can look, and the two runs must not share files.
copy_for_user() {
	mkdir "$work/user" &&
		(cd "$here" && tar -cf - --exclude=./.git --exclude='./build*' --exclude=./.cache . &&
			tar -cf - --exclude='*.p' --exclude='*.a' --exclude=meson-logs --exclude=go-cache build-test) |
		tar -xif - -C "$work/user" &&
		chown -R "$test_user:" "$work/user" && give_witness "$work/user/build-test/supervisor/job/hrfs-job"
}

# As an installation has it.
give_witness() { # FILE
	setcap cap_sys_admin+ep "$1" || say "no capability for hrfs-job here: what needs it is skipped as $test_user"
}

# With mounts of its own, as the root run has: see tests/conftest.py.
as_test_user() {
	unshare --mount --propagation private \
		setpriv --reuid "$test_user" --regid "$test_user" --init-groups --reset-env \
		env PATH="$PATH" HRFS_BUILD="$work/user/build-test" HRFS_TEST_DIR="$user_disk" HRFS_SEED="$seed" HRFS_STRESS_SECONDS="${HRFS_STRESS_SECONDS:-}" \
		HRFS_ASAN_OPTIONS="$leaks" "$@"
}

# ---- the stages ----

# Under a sanitizer the addresses must not be too random; where that cannot be had, it mostly works without.
steady=
setarch "$(uname -m)" -R true 2>/dev/null && steady="setarch $(uname -m) -R"

pytest_counts() { # LOG
	line=$(grep -E '[0-9]+ (passed|failed|skipped|error|errors|deselected|xfailed).* in [0-9.]+s' "$1" | tail -n 1)
	number() {
		printf '%s\n' "$line" | sed -nE "s/.*[^0-9]?\b([0-9]+) $1.*/\1/p"
	}
	if [ -z "$line" ]; then
		count 0 1
		failed "$(basename "$1"): pytest ended without a result"
		return
	fi
	p=$(number passed) f=$(number failed) e=$(number 'errors?') s=$(number skipped)
	p=${p:-0} f=$((${f:-0} + ${e:-0}))
	second=${1%.log}.again.log
	still=${1%.log}.failed
	if [ -f "$second" ]; then
		sed "s/^/again | /" "$second"
		failed_tests "$second" >"$second.failed"
		if grep -qE '[0-9]+ (passed|failed|error)' "$second"; then
			comm -23 "${1%.log}.failed" "$second.failed" | sed 's/^/passed only when run again: /' >>"$work/flaky"
			f=$(wc -l <"$second.failed")
			still=$second.failed
			# an error at a test's end comes beside its "passed": each is counted once
			p=$((p - ${e:-0} + $(wc -l <"${1%.log}.failed") - f))
		fi
	fi
	sed "s/$/ ($(basename "${1%.log}"))/" "$still" >>"$work/failures"
	count "$p" "$f" "${s:-0}"
}

run_pytest() { # NAME DIRECTORY COMMAND-PREFIX... -- PYTEST-ARGUMENT...
	name=$1 directory=$2
	shift 2
	prefix=
	while [ "$1" != -- ]; do
		prefix="$prefix $1"
		shift
	done
	shift
	(
		cd "$directory" || exit 1
		$prefix $steady "$python" -B -m pytest -q -p no:cacheprovider ${HRFS_DURATIONS:---durations=10 --durations-min=5} "$@" 2>&1
	) >"$work/$name.log" </dev/null
	again "$name" "$directory" "$prefix"
}

newline='
'

failed_tests() { # LOG: their names, one a line; they may hold spaces
	sed -nE 's/^(FAILED|ERROR) (tests.*)/\2/p' "$1" | sed 's/ - .*//' | sort -u
}

# A machine that others use too, or three stages at once on two processors, can starve a test of time. What failed
# is run once more, by itself; the summary names what passed only then. Many failures are no accident.
again() { # NAME DIRECTORY COMMAND-PREFIX
	failed_tests "$work/$1.log" >"$work/$1.failed"
	failures=$(wc -l <"$work/$1.failed")
	[ "$failures" -gt 0 ] && [ "$failures" -le 12 ] || return 0
	(
		cd "$2" || exit 1
		prefix=$3 list=$work/$1.failed
		set -f
		spaces=$IFS IFS=$newline
		set -- $(cat "$list")
		IFS=$spaces
		$prefix $steady "$python" -B -m pytest -q -p no:cacheprovider "$@" 2>&1
	) >"$work/$1.again.log" </dev/null
}

follow() { # NAME: its log as it grows, until its process ends
	tail -n +1 -f --pid="$2" "$work/$1.log" 2>/dev/null | sed -u "s/^/$1 | /"
}

marks() {
	[ -n "$long" ] && echo "long or not long" || echo "not long"
}

# Beside the trees, where every user may go.
fetch_suites() {
	mkdir "$work/tools"
	cp "$(crates pjdfstest fsx)"/* "$work/tools" 2>/dev/null
	PATH=$work/tools:$PATH
}

# The stress has a stage of its own.
behaviour_marks() {
	[ -n "$long" ] && echo "not stress" || echo "not long and not stress"
}

user_marks() {
	echo "$(behaviour_marks)$([ -n "$long" ] || echo " and not any_user")"
}

stage_build() {
	stage "building with the address and undefined sanitizers"
	CC=clang build "$here/build-test" --native-file "$here/build-dev.ini" -Ddocs=enabled -Dkill_points=true -Dlayout_test=true || die "the build failed"
	stage "building the daemon with the thread sanitizer"
	target=programs CC=clang build "$here/build-tsan" -Db_sanitize=thread -Db_lundef=false -Dwerror=true || die "the build failed"
}

# Go's own library is compiled once, before several tests that want it begin at the same time (tests/conftest.py: go_cache).
warm_go() {
	command -v go >/dev/null 2>&1 || return 0
	(cd "$here/examples/go" && GOCACHE="$here/build-test/go-cache" GOTOOLCHAIN=local go build -o /dev/null .) >/dev/null 2>&1
}

stage_unit() {
	stage "unit tests"
	$steady meson test -C "$here/build-test" --no-rebuild --no-suite behaviour --print-errorlogs >"$work/unit.log" 2>&1
	grep -vE '^ *[0-9]+/[0-9]+ .* OK ' "$work/unit.log"
	number() {
		sed -nE "s/^$1: *([0-9]+).*/\1/p" "$work/unit.log" | tail -n 1
	}
	ok=$(number Ok) fail=$(number Fail) late=$(number Timeout) skip=$(number Skipped)
	[ -n "$ok" ] || fail=1
	grep -E '^ *[0-9]+/[0-9]+ .* (FAIL|TIMEOUT|ERROR) ' "$work/unit.log" >>"$work/failures"
	count "${ok:-0}" "$((${fail:-0} + ${late:-0}))" "${skip:-0}"
}

# One list of tests: each run takes the next that is left (tests/lib/share.py).
run_share() { # NAME
	run_pytest "$1" "$here" -- -p tests.lib.share --share "$work/taken" -m "$(behaviour_marks)" tests
}

# As the ordinary user first, then what is left of the others.
run_user() {
	run_pytest user "$work/user" as_test_user -- -m "$(user_marks)"
	run_share third
}

stage_behaviour() {
	mkdir "$work/taken"
	logs="first second"
	if [ "$(id -u)" = 0 ]; then
		stage "behaviour as root and as $test_user"
		logs="$logs user third"
		copy_for_user || die "could not copy the tree for $test_user"
	else
		stage "behaviour as $(id -un)"
	fi
	for log in $logs; do
		: >"$work/$log.log"
	done
	run_share first &
	runs=$!
	run_share second &
	runs="$runs $!"
	if [ "$(id -u)" = 0 ]; then
		run_user &
		runs="$runs $! $!"
	fi
	children=$runs
	set -- $runs
	for log in $logs; do
		follow "$log" "$1" &
		shift
	done
	wait
	children=
	for log in $logs; do
		pytest_counts "$work/$log.log"
	done
}

stress_marks() {
	[ -n "$long" ] && echo "stress" || echo "stress and not long"
}

# What makes request threads, settling and the socket meet; --long takes all mount tests.
stage_threads() {
	: >"$work/threads.log"
	chosen=tests/mount
	[ -n "$long" ] || chosen="tests/mount/test_smoke.py tests/mount/test_noopen.py tests/mount/test_random.py tests/mount/test_socket.py tests/mount/test_observe.py"
	run_pytest threads "$here" env HRFS_BUILD="$here/build-tsan" -- -m "$(marks)" $chosen
}

stage_stress() {
	export HRFS_STRESS_SECONDS="$((seconds / shares))"
	logs=stress
	run_pytest stress "$here" -- -m "$(stress_marks)" tests/mount &
	runs=$!
	if [ "$(id -u)" = 0 ]; then
		logs="stress stress-user"
		run_pytest stress-user "$work/user" as_test_user -- -m "$(stress_marks)" tests/mount &
		runs="$runs $!"
	fi
	children="$children $runs"
	wait $runs # not in the foreground: a signal is to end all of it at once
	unset HRFS_STRESS_SECONDS
	for log in $logs; do
		sed "s/^/$log | /" "$work/$log.log"
		pytest_counts "$work/$log.log"
	done
}

fuzz_one() { # PROGRAM
	name=$(basename "$1")
	mkdir -p "$work/corpus/$name"
	kept=$here/tests/fuzz/corpus/${name#fuzz_}
	[ -d "$kept" ] || kept=
	"$1" -seed="$seed" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="$here/build-test/" "$work/corpus/$name" $kept >"$work/$name.log" 2>&1 || {
		tail -n 60 "$work/$name.log"
		return 1
	}
	grep -E 'number_of_executed_units|DONE' "$work/$name.log" | sed "s/^/$name | /"
}

# All at once: each takes one processor.
stage_fuzz() {
	fuzzers=
	for program in "$here"/build-test/tests/fuzz/fuzz_*; do
		case $program in
		*.p | *'*') continue ;;
		*/fuzz_toml) [ -n "$long" ] || continue ;; # of one's own tree: not at each time
		esac
		check "$(basename "$program") (seed $seed)" fuzz_one "$program" &
		fuzzers="$fuzzers $!"
	done
	children="$children $fuzzers"
	wait $fuzzers
}

# As on an old kernel: whatever hrfs probes for is said not to be there.
stage_without() {
	stage "the mount without optional kernel features"
	run_pytest without "$here" env HRFS_TEST_OPTIONS=without=all -- tests/mount
	sed 's/^/without | /' "$work/without.log"
	pytest_counts "$work/without.log"
}

# What a packager does: the system's own compiler, no ./dev, no network.
stage_package() {
	stage "a plain build with gcc, installed below a DESTDIR"
	check "meson setup" env CC=gcc meson setup "$work/package" "$here" --prefix=/usr -Dwerror=true -Ddocs=enabled >"$work/package.log"
	check "meson compile" meson compile -C "$work/package" >>"$work/package.log"
	check "meson test" meson test -C "$work/package" --no-suite behaviour >>"$work/package.log"
	check "meson install" env DESTDIR="$work/destdir" meson install -C "$work/package" --quiet
	for file in bin/hrfs libexec/hrfs/hrfs-fs libexec/hrfs/hrfs-git libexec/hrfs/hrfs-supervisor libexec/hrfs/hrfs-job share/man/man1/hrfs.1; do
		check "$file is installed" test -s "$work/destdir/usr/$file"
	done
	check "the installed hrfs runs" "$work/destdir/usr/bin/hrfs" version
}

summary() {
	stage "done; seed $seed"
	grep -hE '^SKIPPED' "$work"/*.log | sort | uniq -c | sed 's/^/dev: /' >&2
	passed=0 failed=0 skipped=0
	while read -r p f s; do
		passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	done <"$work/counts"
	say "$skipped skipped, for the reasons above"
	[ ! -s "$work/flaky" ] || sed 's/^/dev: /' "$work/flaky" >&2
	[ ! -s "$work/failures" ] || sed 's/^/dev: FAILED: /' "$work/failures" >&2
	clean_up
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
	exit
}

[ -z "$long" ] || seconds=300 leaks=
export HRFS_BUILD="$here/build-test" HRFS_SEED="$seed"
say "seed $seed (HRFS_SEED=$seed repeats it)"
find_python pytest
prepare_user
HRFS_TEST_DIR=$(make_disk rd) && user_disk=$(make_disk ud) || exit 1
export HRFS_TEST_DIR
stage_build
[ -z "$long" ] || fetch_suites
warm_go &
children=$!
stage_unit
wait
children=
open_tree
stage_behaviour
stage "the daemon under the thread sanitizer, beside stress and fuzzing of $seconds s each"
stage_threads &
threads=$!
children=$threads
stage_stress
stage_fuzz
wait "$threads"
children=
sed 's/^/threads | /' "$work/threads.log"
pytest_counts "$work/threads.log"
if [ -n "$long" ]; then
	stage_without
	stage_package
fi
summary
