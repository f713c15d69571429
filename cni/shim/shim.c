/* A CNI plugin executable: hands its call to the daemon and its answer back.
 *
 * One program for all plugins: the name it is called by says which. Built by `kcni install`, which
 * defines PYTHON, LAUNCHER, SOCKET, QUEUE, QUEUE_LIMIT, SILENCE_MS, ABOUT_TAIL and VERSION_ROWS.
 *
 * VERSION            answered here.
 * no socket          Python does the call in process, on the same store.
 * socket, silent 1 s DEL is queued on disk (status 0), STATUS is 50, anything else 11.
 * The wire format is that of cni/daemon/wire.py.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "kernel.h"

enum { PATIENCE_MS = 115000, RETRY_MS = 20, LENGTH_DIGITS = 8, CHUNK = 65536 };

static const struct {
    const char *name, *versions;
} plugins[] = {VERSION_ROWS};

struct bytes {
    char *data;
    size_t size;
};

/* --- the kernel's calls, by name */

static long os_open(const char *path, int flags, int mode)
{
    return call(SYS_openat, AT_FDCWD, (long)path, flags | O_CLOEXEC, mode, 0);
}

static long os_read(int fd, void *data, size_t size)
{
    return call(SYS_read, fd, (long)data, (long)size, 0, 0);
}

static long os_write(int fd, const void *data, size_t size)
{
    return call(SYS_write, fd, (long)data, (long)size, 0, 0);
}

static void os_close(int fd)
{
    call(SYS_close, fd, 0, 0, 0, 0);
}

static void os_exit(int status)
{
    for (;;)
        call(SYS_exit_group, status, 0, 0, 0, 0);
}

/* --- texts */

static int starts(const char *text, const char *prefix)
{
    while (*prefix)
        if (*text++ != *prefix++)
            return 0;
    return 1;
}

static int same(const char *one, const char *other)
{
    return starts(one, other) && strlen(one) == strlen(other);
}

static const char *last_slash(const char *text)
{
    const char *found = NULL;
    for (; *text; text++)
        if (*text == '/')
            found = text;
    return found;
}

static char *put(char *to, const char *text)
{
    while (*text)
        *to++ = *text++;
    *to = 0;
    return to;
}

static char *put_number(char *to, unsigned long value, int digits, unsigned base)
{
    for (int place = digits - 1; place >= 0; place--, value /= base)
        to[place] = "0123456789abcdef"[value % base];
    to[digits] = 0;
    return to + digits;
}

static char *put_decimal(char *to, unsigned long value)
{
    int digits = 1;
    for (unsigned long rest = value / 10; rest; rest /= 10)
        digits++;
    return put_number(to, value, digits, 10);
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size) {
        long n = os_write(fd, data, size);
        if (n == -EINTR)
            continue;
        if (n <= 0)
            return -1;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

static void fail(unsigned code, const char *message)
{
    char text[512], *end = put(text, "{\"cniVersion\":\"1.1.0\",\"code\":");
    end = put(put(put_decimal(end, code), ",\"msg\":\""), message);
    end = put(end, "\"}\n");
    write_all(1, text, (size_t)(end - text));
    os_exit(1);
}

/* --- memory: the program's break; what is taken is never given back */

static char *next_free, *heap_end;

/* Room for size bytes behind what has been taken. */
static char *room(size_t size)
{
    if (!next_free)
        next_free = heap_end = (char *)call(SYS_brk, 0, 0, 0, 0, 0);
    if ((size_t)(heap_end - next_free) < size) {
        char *wanted = next_free + size + CHUNK;
        if ((char *)call(SYS_brk, (long)wanted, 0, 0, 0, 0) != wanted)
            fail(999, "out of memory");
        heap_end = wanted;
    }
    return next_free;
}

static char *take(const void *data, size_t size)
{
    char *place = room(size);
    memcpy(place, data, size);
    next_free += size;
    return place;
}

/* --- the request */

static void read_stdin(struct bytes *input)
{
    input->data = room(CHUNK);
    for (;;) {
        long n = os_read(0, room(CHUNK), CHUNK);
        if (n == -EINTR)
            continue;
        if (n < 0)
            fail(5, "error reading from stdin");
        if (n == 0)
            break;
        next_free += n;
    }
    input->size = (size_t)(next_free - input->data);
}

static void measure(char *length, const char *start)
{
    char digits[LENGTH_DIGITS + 1];
    put_number(digits, (unsigned long)(next_free - start), LENGTH_DIGITS, 16);
    memcpy(length, digits, LENGTH_DIGITS);
}

/* Header and input follow each other in memory, each behind its length. */
static struct bytes make_request(const char *path, char **environment, struct bytes *input)
{
    static const char *const passed[] = {"CNI_", "TRACEPARENT=", "TRACESTATE=", "BAGGAGE=", "PATH="};
    static const char no_length[LENGTH_DIGITS];
    struct bytes request;
    char *length = take(no_length, LENGTH_DIGITS);
    request.data = length;
    take(path, strlen(path));
    for (char **variable = environment; *variable; variable++)
        for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
            if (starts(*variable, passed[i])) {
                take("", 1);
                take(*variable, strlen(*variable));
            }
    measure(length, length + LENGTH_DIGITS);
    length = take(no_length, LENGTH_DIGITS);
    read_stdin(input);
    measure(length, input->data);
    request.size = (size_t)(next_free - request.data);
    return request;
}

/* --- the daemon */

/* As the kernel's calls had it before time_t became longer than long on 32 bits. */
struct moment {
    long seconds, fraction;
};

#ifdef SO_RCVTIMEO_OLD
enum { RECEIVE_TIMEOUT = SO_RCVTIMEO_OLD, SEND_TIMEOUT = SO_SNDTIMEO_OLD };
#else
enum { RECEIVE_TIMEOUT = SO_RCVTIMEO, SEND_TIMEOUT = SO_SNDTIMEO };
#endif

static struct moment now(int clock)
{
    struct moment t = {0, 0};
    call(SYS_clock_gettime, clock, (long)&t, 0, 0, 0);
    return t;
}

static long now_ms(void)
{
    struct moment t = now(CLOCK_MONOTONIC);
    return t.seconds * 1000 + t.fraction / 1000000;
}

static void set_timeout(int fd, long ms)
{
    struct moment t = {ms / 1000, ms % 1000 * 1000};
    call(SYS_setsockopt, fd, SOL_SOCKET, RECEIVE_TIMEOUT, (long)&t, sizeof t);
    call(SYS_setsockopt, fd, SOL_SOCKET, SEND_TIMEOUT, (long)&t, sizeof t);
}

static int read_exactly(int fd, char *data, size_t size)
{
    while (size) {
        long n = os_read(fd, data, size);
        if (n == -EINTR)
            continue;
        if (n <= 0)
            return -1;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

enum reached { ABSENT, SILENT, REACHED };

static int is_absence(long error)
{
    return error == -ENOENT || error == -ENOTDIR || error == -EACCES || error == -EPERM;
}

/* By sendmsg(2), whose arguments are three. */
static int send_all(int fd, const struct bytes *request)
{
    struct iovec {
        const void *data;
        size_t size;
    } part = {request->data, request->size};
    struct {
        void *name;
        unsigned name_size;
        struct iovec *parts;
        size_t count;
        void *control;
        size_t control_size;
        int flags;
    } message = {NULL, 0, &part, 1, NULL, 0, 0};
    return call(SYS_sendmsg, fd, (long)&message, MSG_NOSIGNAL, 0, 0) == (long)request->size ? 0 : -1;
}

/* Connect, send, and hear that somebody is there. */
static enum reached reach_once(const struct bytes *request, int *connection, long timeout_ms)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SOCKET};
    int fd = (int)call(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, 0, 0);
    char here;
    if (fd < 0)
        return SILENT;
    set_timeout(fd, timeout_ms);
    long error = call(SYS_connect, fd, (long)&address, sizeof address, 0, 0);
    if (error < 0) {
        os_close(fd);
        return is_absence(error) ? ABSENT : SILENT;
    }
    if (send_all(fd, request) < 0 || read_exactly(fd, &here, 1) < 0 || here != 'A') {
        os_close(fd);
        return SILENT;
    }
    *connection = fd;
    return REACHED;
}

static enum reached reach(const struct bytes *request, int *connection, long patience_ms)
{
    long give_up = now_ms() + patience_ms;
    for (;;) {
        struct moment pause = {0, RETRY_MS * 1000000L};
        long left = give_up - now_ms();
        enum reached result = reach_once(request, connection, left > 10 ? left : 10);
        if (result != SILENT || now_ms() + RETRY_MS >= give_up)
            return result;
        call(SYS_nanosleep, (long)&pause, 0, 0, 0, 0);
    }
}

static int relay_part(int connection, int target)
{
    char length[LENGTH_DIGITS], *data;
    size_t size = 0;
    if (read_exactly(connection, length, LENGTH_DIGITS) < 0)
        return -1;
    for (int i = 0; i < LENGTH_DIGITS; i++)
        size = size * 16 + (size_t)(length[i] <= '9' ? length[i] - '0' : (length[i] | 32) - 'a' + 10);
    data = room(size);
    if (read_exactly(connection, data, size) < 0)
        return -1;
    write_all(target, data, size);
    return 0;
}

/* Exit status of the call, 9 to do it here, -1 if the daemon died over it. */
static int relay(int connection)
{
    char digit;
    set_timeout(connection, PATIENCE_MS);
    if (read_exactly(connection, &digit, 1) < 0)
        return -1;
    if (digit == '9')
        return 9;
    if (relay_part(connection, 1) < 0 || relay_part(connection, 2) < 0)
        return -1;
    return digit - '0';
}

/* --- the queue of DELs */

static void make_folders(void)
{
    char path[] = QUEUE;
    for (char *c = path + 1; *c; c++)
        if (*c == '/') {
            *c = 0;
            call(SYS_mkdirat, AT_FDCWD, (long)path, 0755, 0, 0);
            *c = '/';
        }
    call(SYS_mkdirat, AT_FDCWD, (long)path, 0700, 0, 0);
}

/* Names in the folder, "." and ".." and the lock's among them. */
static int queue_length(void)
{
    enum { RECORD_LENGTH_AT = 16 }; /* of struct linux_dirent64 */
    int fd = (int)os_open(QUEUE, O_RDONLY | O_DIRECTORY, 0), count = 0;
    char *entries = room(CHUNK);
    long size;
    if (fd < 0)
        return 0;
    while ((size = call(SYS_getdents64, fd, (long)entries, CHUNK, 0, 0)) > 0)
        for (long at = 0; at < size; count++) {
            uint16_t length;
            memcpy(&length, entries + at + RECORD_LENGTH_AT, sizeof length);
            at += length;
        }
    os_close(fd);
    return count;
}

static int store(const struct bytes *request)
{
    char path[sizeof QUEUE + 64], final[sizeof QUEUE + 64], *end = put(path, QUEUE "/");
    struct moment t = now(CLOCK_REALTIME);
    end = put_number(end, (unsigned long)t.seconds, 12, 10);
    end = put(put_number(end, (unsigned long)t.fraction, 9, 10), "-");
    put_decimal(end, (unsigned long)call(SYS_getpid, 0, 0, 0, 0, 0));
    put(put(final, path), ".del");
    int fd = (int)os_open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0 || write_all(fd, request->data, request->size) < 0 || call(SYS_fsync, fd, 0, 0, 0, 0) < 0 ||
        call(SYS_close, fd, 0, 0, 0, 0) < 0 ||
        call(SYS_renameat2, AT_FDCWD, (long)path, AT_FDCWD, (long)final, 0) < 0) {
        call(SYS_unlinkat, AT_FDCWD, (long)path, 0, 0, 0);
        return -1;
    }
    return 0;
}

/* Under the lock that the daemon holds from its replay until it listens; returns only if it has come meanwhile. */
static int queue(const struct bytes *request)
{
    int connection = -1;
    make_folders();
    int lock = (int)os_open(QUEUE "/lock", O_RDWR | O_CREAT, 0600);
    if (lock < 0 || call(SYS_flock, lock, LOCK_SH, 0, 0, 0) < 0)
        fail(11, "the CNI daemon does not answer and its queue cannot be written");
    if (reach_once(request, &connection, SILENCE_MS) == REACHED)
        return connection;
    if (queue_length() >= QUEUE_LIMIT)
        fail(11, "the CNI daemon does not answer and its queue is full: start it");
    if (store(request) < 0)
        fail(11, "the CNI daemon does not answer and its queue cannot be written");
    os_exit(0);
    return -1;
}

/* --- without the daemon */

static void in_process(const char *path, const struct bytes *input, char **environment)
{
    int fd = (int)call(SYS_memfd_create, (long)"stdin", 0, 0, 0, 0);
    if (fd < 0 || write_all(fd, input->data, input->size) < 0 || call(SYS_lseek, fd, 0, 0, 0, 0) < 0 ||
        call(SYS_dup3, fd, 0, 0, 0, 0) < 0)
        fail(5, "error reading from stdin");
    const char *argv[] = {PYTHON, "-ISE", LAUNCHER, path, NULL};
    call(SYS_execve, (long)PYTHON, (long)argv, (long)environment, 0, 0);
    fail(999, "cannot start " PYTHON ": run kcni install again");
}

/* --- what needs nobody else */

static const char *versions_of(const char *name)
{
    for (size_t i = 0; i < sizeof plugins / sizeof *plugins; i++)
        if (same(plugins[i].name, name))
            return plugins[i].versions;
    return NULL;
}

static void write_text(int fd, const char *text)
{
    write_all(fd, text, strlen(text));
}

static void print_about(const char *name, const char *versions)
{
    char text[512], *end = put(put(put(text, "CNI "), name), " plugin " ABOUT_TAIL);
    end = put(end, "\nCNI protocol versions supported: ");
    for (const char *c = versions; *c; c++)
        if (*c == ',')
            end = put(end, ", ");
        else if (*c != '"')
            *end++ = *c;
    put(end, "\n");
    write_text(2, text);
}

static void print_versions(const char *versions)
{
    char text[512];
    put(put(put(text, "{\"cniVersion\":\"1.1.0\",\"supportedVersions\":["), versions), "]}\n");
    write_text(1, text);
}

static const char *variable(char **environment, const char *name)
{
    for (; *environment; environment++)
        if (starts(*environment, name))
            return *environment + strlen(name);
    return "";
}

/* Where this file is, for a caller that named it without a path. */
static const char *own_path(const char *called)
{
    static char path[4096];
    if (last_slash(called))
        return called;
    long n = call(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)path, sizeof path - 1, 0);
    return n > 0 ? path : called;
}

static int perform(const char *path, const char *command, char **environment)
{
    struct bytes input, request = make_request(path, environment, &input);
    const char *netns = variable(environment, "CNI_NETNS=");
    int connection = -1, is_delete = same(command, "DEL");
    /* The daemon's /proc/self is not ours. */
    int ours = starts(netns, "/proc/self/") || starts(netns, "/proc/thread-self/");
    enum reached result = ours ? ABSENT : reach(&request, &connection, SILENCE_MS);
    if (result == ABSENT)
        in_process(path, &input, environment);
    if (result == SILENT && is_delete)
        connection = queue(&request);
    else if (result == SILENT)
        fail(same(command, "STATUS") ? 50 : 11, "the CNI daemon does not answer: start it, or remove " SOCKET);
    int code = relay(connection);
    if (code == 9)
        in_process(path, &input, environment);
    if (code < 0 && is_delete) {
        connection = queue(&request);
        code = relay(connection);
    }
    if (code < 0)
        fail(11, "the CNI daemon ended during the call: try again");
    return code;
}

static int run(int argc, char **argv, char **environment)
{
    const char *called = argc > 0 ? argv[0] : "", *slash = last_slash(called);
    const char *name = slash ? slash + 1 : called, *versions = versions_of(name);
    const char *command = variable(environment, "CNI_COMMAND=");
    if (!versions) {
        write_text(2, name);
        write_text(2, ": not a plugin of podnet\n");
        return 2;
    }
    if (!*command)
        print_about(name, versions);
    else if (same(command, "VERSION"))
        print_versions(versions);
    else
        return perform(own_path(called), command, environment);
    return 0;
}
