#!/bin/bash
# guest.sh - boot a throw-away guest kernel, run ONE command in it, exit with that command's exit code.
#
#   guest.sh [-b uml|qemu] [-k KERNEL] [-M MODULES_DIR] [-m MEM] [-t SECONDS] [-w DIR]... [-v] [--] CMD [ARG...]
#
#   -b  backend: uml  = User Mode Linux: an ordinary process, no KVM, native CPU speed (default, unless it cannot run here)
#                qemu = qemu-system-x86_64 with TCG emulation and 9p (Python about 15 times slower)
#   -k  kernel binary (uml: linux.uml; qemu: /boot/vmlinuz-*-amd64, the full one: cloud has no 9p)
#   -M  the kernel's module directory, .../<uname -r> ("" = monolithic kernel)
#   -m  guest memory (default 1G; uml takes it lazily from a sparse file in $TMPDIR or /dev/shm)
#   -t  kill the guest after this many seconds (default 600) -> exit code 124
#   -w  a host directory which the guest sees WRITABLE (for junit.xml, coverage...); repeatable
#   -v  show the guest's kernel log on stderr
#
# What the guest sees: the host's / at the same paths, under an overlay whose upper layer is a tmpfs: everything
# is readable, everything is writable, and nothing written (outside -w) outlives the guest.  /proc, /sys, /dev,
# /dev/shm, /run and cgroup2 are the guest's own.  The caller's environment and working directory are kept.
# Standard output and (uml) standard error come through separately, unbuffered and without CR; stdin is empty.
# No network device except lo: use netns/veth inside.  No name server either: a thing like http.server.HTTPServer,
# whose bind looks up its own name, takes seconds.
# The host's protection is not the guest's word: the guest runs in a private mount namespace in which / is
# remounted read-only, and in a pid namespace, so that every one of its processes dies with it.
#
# Exit codes: the command's; 124 time-out; 125 the guest did not get as far as an exit code (see -v); 126 usage.
# Needs: busybox-static, util-linux, procps, python3; uml: a linux.uml binary (apt user-mode-linux);
# qemu: qemu-system-x86 linux-image-amd64 (and modules.dep, which kmod's depmod makes when the latter is installed).
set -u
SELF=$(readlink -f "$0" 2>/dev/null || echo "$0")

# ------------------------------------------------------------------ inside the guest, stage 2 (root is the overlay)
stage2() {                              # $1 = exchange directory
    X=$1
    export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    . "$X/conf"
    mount -t tmpfs -o mode=755 tmpfs /run; mkdir -p /run/netns /run/lock
    mount -t tmpfs -o mode=1777 tmpfs /dev/shm 2>/dev/null || { mkdir -p /dev/shm; mount -t tmpfs -o mode=1777 tmpfs /dev/shm; }
    mkdir -p /dev/pts; mount -t devpts -o ptmxmode=666,mode=620 devpts /dev/pts
    ln -sfn /proc/self/fd /dev/fd; ln -sfn fd/0 /dev/stdin; ln -sfn fd/1 /dev/stdout; ln -sfn fd/2 /dev/stderr
    [ -e /dev/net/tun ] || { mkdir -p /dev/net; mknod /dev/net/tun c 10 200; } 2>/dev/null
    mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/dev/null
    mount -t bpf bpf /sys/fs/bpf 2>/dev/null
    # the modules where modprobe - also the kernel's own autoload, /sbin/modprobe - looks for them
    if [ -n "$GR_MODULES" ] && [ "$GR_MODULES" != "/lib/modules/$(uname -r)" ]; then
        mkdir -p /lib/modules; ln -sfn "$GR_MODULES" "/lib/modules/$(uname -r)"
    fi
    [ -e /sbin/modprobe ] || ln -s /bin/busybox /sbin/modprobe
    hostname guest 2>/dev/null || echo guest > /proc/sys/kernel/hostname
    [ -z "$GR_MODULES" ] || modprobe ipv6 2>/dev/null      # a module in Debian's uml, built in elsewhere
    busybox ip link set lo up
    ulimit -n 65536 2>/dev/null
    [ -c "$GR_OUT" ] && stty -F "$GR_OUT" raw -echo 2>/dev/null
    [ -c "$GR_ERR" ] && stty -F "$GR_ERR" raw -echo 2>/dev/null
    cut -d' ' -f1 /proc/uptime > "$X/boot_s"
    # the command: its own session, so that ^C and tty semantics stay out of it
    setsid bash -c '. "$1/env"; cd "$2" || exit 126; . "$1/cmd"' guest "$X" "$GR_CWD" \
        < /dev/null > "$GR_OUT" 2> "$GR_ERR"
    rc=$?
    # wait until the console has drained, then say the result
    for t in "$GR_OUT" "$GR_ERR"; do
        [ -c "$t" ] && busybox timeout 20 python3 -c 'import sys,termios,os; termios.tcdrain(os.open(sys.argv[1], os.O_WRONLY|os.O_NOCTTY))' "$t" 2>/dev/null
    done
    dmesg > "$X/dmesg" 2>/dev/null
    echo "$rc" > "$X/rc.tmp"; mv "$X/rc.tmp" "$X/rc"
    sync
    busybox poweroff -f
}

# ------------------------------------------------------------------ inside the guest, stage 1 (uml: root is hostfs)
stage1_uml() {                          # GR_X comes from the kernel command line, as environment
    X=$GR_X; BB=/bin/busybox
    export PATH=/usr/sbin:/usr/bin:/sbin:/bin
    . "$X/conf"
    $BB mount -t proc proc /proc
    [ -n "$GR_MODULES" ] && [ -e "$GR_MODULES/kernel/fs/overlayfs/overlay.ko" ] && $BB insmod "$GR_MODULES/kernel/fs/overlayfs/overlay.ko"
    $BB mount -t tmpfs -o mode=755 tmpfs "$X/mnt" || echo "guest: tmpfs failed"
    $BB mkdir "$X/mnt/u" "$X/mnt/w" "$X/mnt/r"
    N=$X/mnt/r
    # (nosuid without host root: there the owner of setuid programs - mount! - reads as nobody, and they would drop root)
    $BB mount -t overlay -o "${GR_NOSUID}lowerdir=/,upperdir=$X/mnt/u,workdir=$X/mnt/w" overlay "$N" || echo "guest: overlay failed"
    $BB mount -t proc proc "$N/proc"; $BB mount -t sysfs sysfs "$N/sys"; $BB mount -t devtmpfs devtmpfs "$N/dev"
    for d in "$X" "${GR_RW[@]}"; do    # hostfs again, below the overlay's path, writable
        $BB mkdir -p "$N$d"; $BB mount -t hostfs -o "$d" none "$N$d" || echo "guest: hostfs $d failed"
    done
    $BB mkdir "$N/.old"
    # pivot_root, not chroot: kernel threads - the module autoload! - must move to the new root as well
    cd "$N" && $BB pivot_root . .old && cd / || echo "guest: pivot_root failed"
    $BB umount -l /.old; $BB rmdir /.old
    exec /bin/bash "$SELF" --stage2 "$X"
}

case ${1-} in --stage2) stage2 "$2"; exit;; esac
if [ $$ = 1 ] && [ -n "${GR_X-}" ]; then stage1_uml; exit; fi

# ------------------------------------------------------------------ on the host
usage() { sed -n '2,12p' "$SELF" >&2; exit 126; }
# User Mode Linux 6.1 cannot restore the registers of a processor with AMX: its first process dies.
if command -v linux.uml >/dev/null && ! grep -qw amx_tile /proc/cpuinfo; then DEFAULT=uml; else DEFAULT=qemu; fi
BACKEND=${GUEST_BACKEND-$DEFAULT} KERNEL=${GUEST_KERNEL-} MODULES=${GUEST_MODULES-} MEM=${GUEST_MEM-1G} LIMIT=600 VERBOSE= RW=()
while getopts b:k:M:m:t:w:v o; do
    case $o in b) BACKEND=$OPTARG;; k) KERNEL=$OPTARG;; M) MODULES=$OPTARG;; m) MEM=$OPTARG;; t) LIMIT=$OPTARG;;
        w) RW+=("$(readlink -f "$OPTARG")");; v) VERBOSE=1;; *) usage;; esac
done
shift $((OPTIND - 1)); [ $# -gt 0 ] || usage
[ -x "$(command -v busybox)" ] || { echo "guest: no busybox (apt install busybox-static)" >&2; exit 125; }
if [ -z "$KERNEL" ]; then
    case $BACKEND in
    uml)  KERNEL=$(command -v linux.uml) || { echo "guest: no linux.uml" >&2; exit 125; }
          [ -n "$MODULES" ] || MODULES=$(ls -d /usr/lib/uml/modules/* 2>/dev/null | tail -1);;
    qemu) KERNEL=$(ls /boot/vmlinuz-*[0-9]-amd64 2>/dev/null | tail -1); [ -n "$KERNEL" ] || { echo "guest: no kernel" >&2; exit 125; }
          [ -n "$MODULES" ] || MODULES=/lib/modules/${KERNEL##*/vmlinuz-};;
    esac
fi

# the exchange directory: the only thing besides -w which the guest may write
X=$(mktemp -d "${TMPDIR:-/tmp}/guest.XXXXXX"); mkdir "$X/mnt" "$X/tmp"
trap 'rm -rf --one-file-system "$X"' EXIT
{ printf 'exec '; printf '%q ' "$@"; } > "$X/cmd"
export -p | grep -vE '^declare -x (GUEST_|GR_|OLDPWD|SHLVL|_=)' > "$X/env"
case $BACKEND in uml) GR_OUT=/dev/tty0 GR_ERR=/dev/tty1;; qemu) GR_OUT=/dev/ttyS0 GR_ERR=/dev/ttyS0;; esac
{ printf 'GR_NOSUID=%q\nGR_MODULES=%q\nGR_CWD=%q\nGR_OUT=%q\nGR_ERR=%q\n' "$([ $(id -u) = 0 ] || echo nosuid,)" "$MODULES" "$PWD" "$GR_OUT" "$GR_ERR"
  printf 'GR_RW=('; [ ${#RW[@]} = 0 ] || printf '%q ' "${RW[@]}"; printf ')\n'; } > "$X/conf"

# a private mount namespace with / read-only (its -w directories and $X excepted) and a private pid namespace.
# Without the privilege for it: the same in a user namespace; failing that, only the guest's own read-only mount.
NS=(); UNSHARE=(--mount --pid --fork --kill-child --mount-proc)
if   unshare "${UNSHARE[@]}" true 2>/dev/null;         then NS=(unshare "${UNSHARE[@]}")
elif unshare -Ur "${UNSHARE[@]}" true 2>/dev/null;     then NS=(unshare -Ur "${UNSHARE[@]}")
else echo "guest: no namespaces here, the host's files are protected by the guest only" >&2; fi
confine='mount --make-rprivate / || exit 125
for d; do [ "$d" = -- ] && break; mount --bind "$d" "$d" || exit 125; done
mount -o remount,bind,ro / || exit 125
while [ "$1" != -- ]; do shift; done; shift; "$@"; exit $?'   # no exec: as pid 1 a panicking linux.uml could not abort()
[ ${#NS[@]} = 0 ] || NS+=(sh -c "$confine" sh "$X" ${RW[@]+"${RW[@]}"} --)

# uml's memory is a sparse file which has to be mapped executable: a container's /dev/shm is often noexec and tiny
SHM=/dev/shm
if [ ! -w $SHM ] || awk '$2=="/dev/shm"{o=$4} END{exit o !~ /noexec/}' /proc/mounts ||
   [ "$(df -k --output=avail $SHM | tail -1)" -lt $(($(numfmt --from=iec "$MEM") / 1024)) ]; then SHM=$X/tmp; fi
case $BACKEND in
uml)
    # con0/con1 are pipes (epoll refuses files): the guest's stdout and stderr.  The kernel's early log goes to the
    # process's own stderr ("stderr0" console), later kernel messages are kept off the consoles by loglevel=0.
    run=("$KERNEL" mem="$MEM" umid="g$$" uml_dir="$X/tmp/" root=/dev/root rootfstype=hostfs rootflags=/ ro
         init="$SELF" GR_X="$X" con=null con0=null,fd:3 con1=null,fd:4 ssl=null quiet loglevel=0
         fb_tunnels=none dummy.numdummies=0 ifb.numifbs=0 bonding.max_bonds=0)
    # One CPU for the whole of it: uml is uniprocessor, and every guest system call is a ptrace switch between two of
    # its host processes, 2-3 times faster on the same CPU than across two (GUEST_PIN= turns this off).
    PIN=()
    if [ -n "${GUEST_PIN-1}" ] && command -v taskset >/dev/null; then
        mapfile -t cpus < <(awk '/^Cpus_allowed_list/{n=split($2,a,","); for(i=1;i<=n;i++){m=split(a[i],b,"-"); for(c=b[1];c<=b[m];c++) print c}}' /proc/self/status)
        PIN=(taskset -c "${cpus[$$ % ${#cpus[@]}]}")
    fi
    mkfifo "$X/o" "$X/e"
    cat < "$X/o" & CATS=($!); cat < "$X/e" >&2 & CATS+=($!)
    TMPDIR=$SHM timeout -s KILL "$LIMIT" ${PIN[@]+"${PIN[@]}"} ${NS[@]+"${NS[@]}"} "${run[@]}" </dev/null 3> "$X/o" 4> "$X/e" > "$X/console" 2>&1 &
    GUEST=$!
    ;;
qemu)
    V=${MODULES##*/} I=$X/initramfs
    mkdir -p "$I"/{bin,proc,sys,dev,ro,rw,new,m}; cp "$(command -v busybox)" "$I/bin/busybox"
    [ -s "$MODULES/modules.dep" ] || { echo "guest: no $MODULES/modules.dep (run depmod)" >&2; exit 125; }
    # modules for the root file system, in dependency order
    need() { local f; f=$(sed -n "s#^\(.*/$1\.ko[^:]*\):.*#\1#p" "$MODULES/modules.dep" | head -1); [ -n "$f" ] || return 0
             for d in $(sed -n "s#^$f: *##p" "$MODULES/modules.dep" | tr ' ' '\n' | tac) "$f"; do
                 b=${d##*/}; grep -qx "$b" "$I/m/order" 2>/dev/null || { cp "$MODULES/$d" "$I/m/$b"; echo "$b" >> "$I/m/order"; }; done; }
    for m in virtio_pci 9pnet_virtio 9p overlay; do need $m; done
    cat > "$I/init" <<'E2'
#!/bin/busybox sh
BB=/bin/busybox; . /conf.sh
$BB mount -t proc proc /proc; $BB mount -t sysfs sysfs /sys; $BB mount -t devtmpfs devtmpfs /dev
while read m; do $BB insmod /m/$m || echo "guest: insmod $m failed"; done < /m/order
P=trans=virtio,version=9p2000.L,msize=512000
$BB mount -t 9p -o ro,$P,cache=loose hostroot /ro
$BB mount -t tmpfs -o mode=755 tmpfs /rw; $BB mkdir /rw/u /rw/w
$BB mount -t overlay -o lowerdir=/ro,upperdir=/rw/u,workdir=/rw/w overlay /new
for d in proc sys dev; do $BB mount --move /$d /new/$d; done
i=0; for d in $DIRS; do $BB mkdir -p /new$d; $BB mount -t 9p -o $P rw$i /new$d; i=$((i+1)); done
exec $BB switch_root /new /bin/bash "$SELF" --stage2 "$X"
E2
    chmod +x "$I/init"; printf 'SELF=%q\nX=%q\nDIRS="%s"\n' "$SELF" "$X" "$X ${RW[*]-}" > "$I/conf.sh"
    (cd "$I" && find . | busybox cpio -o -H newc 2>/dev/null > "$X/initrd")
    fs=(-virtfs local,path=/,mount_tag=hostroot,security_model=none,readonly=on,multidevs=remap) i=0
    for d in "$X" ${RW[@]+"${RW[@]}"}; do fs+=(-virtfs "local,path=$d,mount_tag=rw$i,security_model=none,multidevs=remap"); i=$((i+1)); done
    run=(qemu-system-x86_64 -accel "${GUEST_ACCEL-tcg,thread=multi}" -machine q35,usb=off -cpu max -smp 2 -m "$MEM" -nodefaults -no-user-config
         -display none -serial stdio -no-reboot "${fs[@]}" -kernel "$KERNEL" -initrd "$X/initrd"
         -append "console=ttyS0 quiet loglevel=0 panic=-1 mitigations=off tsc=reliable")
    CATS=()
    timeout -s KILL "$LIMIT" ${NS[@]+"${NS[@]}"} "${run[@]}" </dev/null 2> "$X/console" &
    GUEST=$!
    ;;
*) usage;;
esac
# a signal to this script ends the guest: timeout's child is unshare, its --kill-child does the rest
trap 'pkill -KILL -P "$GUEST"; exit 143' TERM INT HUP
{ wait "$GUEST"; } 2>/dev/null; host_rc=$?
[ ${#CATS[@]} = 0 ] || wait "${CATS[@]}"                # everything which the guest said has been passed on

[ -z "$VERBOSE" ] || { echo "--- guest kernel log (booted in $(cat "$X/boot_s" 2>/dev/null) s)"; cat "$X/console" "$X/dmesg" 2>/dev/null; } >&2
if [ -s "$X/rc" ]; then exit "$(cat "$X/rc")"; fi
case $host_rc in 124|137) echo "guest: no result within $LIMIT s" >&2; exit 124;; esac
echo "guest: the guest gave no exit code; the end of its console:" >&2; tail -20 "$X/console" >&2; exit 125
