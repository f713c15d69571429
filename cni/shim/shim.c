/* A CNI plugin executable: hands its call to the daemon and its answer back.
 *
 * One program for all plugins: the name it is called by says which. Built by `kcni install`, which
 * defines PYTHON, LAUNCHER, SOCKET, QUEUE, QUEUE_LIMIT, ABOUT_TAIL and VERSION_ROWS.
 *
 * VERSION            answered here.
 * no socket          Python does the call in process, on the same store.
 * socket, silent 1 s DEL is queued on disk (status 0), STATUS is 50, anything else 11.
 * The wire format is that of cni/daemon/wire.py.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <dirent.h>
#include <time.h>
#include <unistd.h>

enum { SILENCE_MS = 1000, PATIENCE_S = 115, RETRY_MS = 20 };

struct buffer {
    char *data;
    size_t size, room;
};

static const struct {
    const char *name, *versions;
} plugins[] = {VERSION_ROWS};

extern char **environ;

static void fail(int code, const char *message)
{
    printf("{\"cniVersion\":\"1.1.0\",\"code\":%d,\"msg\":\"%s\"}\n", code, message);
    fflush(stdout);
    _exit(1);
}

static void append(struct buffer *b, const void *data, size_t size)
{
    if (b->size + size > b->room) {
        b->room = (b->size + size) * 2 + 4096;
        b->data = realloc(b->data, b->room);
        if (!b->data)
            fail(999, "out of memory");
    }
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

static void append_sized(struct buffer *b, const struct buffer *part)
{
    char length[9];
    snprintf(length, sizeof length, "%08zx", part->size);
    append(b, length, 8);
    append(b, part->data ? part->data : "", part->size);
}

static struct buffer read_stdin(void)
{
    struct buffer b = {0};
    char chunk[65536];
    ssize_t n;
    while ((n = read(0, chunk, sizeof chunk)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            fail(5, "error reading from stdin");
        append(&b, chunk, n);
    }
    return b;
}

static int starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static struct buffer make_request(const char *path, const struct buffer *input)
{
    static const char *const passed[] = {"CNI_", "TRACEPARENT=", "TRACESTATE=", "BAGGAGE=", "PATH="};
    struct buffer header = {0}, request = {0};
    append(&header, path, strlen(path));
    for (char **variable = environ; *variable; variable++)
        for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
            if (starts(*variable, passed[i])) {
                append(&header, "", 1);
                append(&header, *variable, strlen(*variable));
            }
    append_sized(&request, &header);
    append_sized(&request, input);
    return request;
}

static long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void set_timeout(int fd, long ms)
{
    struct timeval t = {ms / 1000, ms % 1000 * 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
}

static int read_exactly(int fd, char *data, size_t size)
{
    while (size) {
        ssize_t n = read(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        data += n;
        size -= n;
    }
    return 0;
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        data += n;
        size -= n;
    }
    return 0;
}

enum reached { ABSENT, SILENT, REACHED };

/* Connect, send, and hear that somebody is there. */
static enum reached reach_once(const struct buffer *request, int *connection, long timeout_ms)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SOCKET};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char here;
    if (fd < 0)
        return SILENT;
    set_timeout(fd, timeout_ms);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        int absent = errno == ENOENT || errno == ENOTDIR || errno == EACCES || errno == EPERM;
        close(fd);
        return absent ? ABSENT : SILENT;
    }
    if (send(fd, request->data, request->size, MSG_NOSIGNAL) != (ssize_t)request->size ||
        read_exactly(fd, &here, 1) < 0 || here != 'A') {
        close(fd);
        return SILENT;
    }
    *connection = fd;
    return REACHED;
}

static enum reached reach(const struct buffer *request, int *connection, long patience_ms)
{
    long give_up = now_ms() + patience_ms;
    for (;;) {
        long left = give_up - now_ms();
        enum reached result = reach_once(request, connection, left > 10 ? left : 10);
        if (result != SILENT || now_ms() + RETRY_MS >= give_up)
            return result;
        usleep(RETRY_MS * 1000);
    }
}

static int relay_part(int connection, int target)
{
    char length[9] = {0}, *data;
    if (read_exactly(connection, length, 8) < 0)
        return -1;
    size_t size = strtoul(length, NULL, 16);
    data = malloc(size + 1);
    if (!data || read_exactly(connection, data, size) < 0)
        return -1;
    write_all(target, data, size);
    free(data);
    return 0;
}

/* Exit status of the call, 9 to do it here, -1 if the daemon died over it. */
static int relay(int connection)
{
    char digit;
    set_timeout(connection, PATIENCE_S * 1000L);
    if (read_exactly(connection, &digit, 1) < 0)
        return -1;
    if (digit == '9')
        return 9;
    if (relay_part(connection, 1) < 0 || relay_part(connection, 2) < 0)
        return -1;
    return digit - '0';
}

static void make_folders(const char *path)
{
    char copy[4096];
    snprintf(copy, sizeof copy, "%s", path);
    for (char *slash = copy + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        mkdir(copy, 0755);
        *slash = '/';
    }
    mkdir(copy, 0700);
}

static int queue_length(void)
{
    DIR *folder = opendir(QUEUE);
    int count = 0;
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

static int store(const struct buffer *request)
{
    char path[4096], final[4200];
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    snprintf(path, sizeof path, "%s/%012lld%09ld-%d", QUEUE, (long long)t.tv_sec, t.tv_nsec, (int)getpid());
    snprintf(final, sizeof final, "%s.del", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || write_all(fd, request->data, request->size) < 0 || fsync(fd) < 0 || close(fd) < 0 ||
        rename(path, final) < 0) {
        unlink(path);
        return -1;
    }
    return 0;
}

/* Under the lock that the daemon holds from its replay until it listens; returns only if it has come meanwhile. */
static int queue(const struct buffer *request)
{
    int connection = -1;
    make_folders(QUEUE);
    int lock = open(QUEUE "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0 || flock(lock, LOCK_SH) < 0)
        fail(11, "the CNI daemon does not answer and its queue cannot be written");
    if (reach_once(request, &connection, SILENCE_MS) == REACHED)
        return connection;
    if (queue_length() >= QUEUE_LIMIT)
        fail(11, "the CNI daemon does not answer and its queue is full: start it");
    if (store(request) < 0)
        fail(11, "the CNI daemon does not answer and its queue cannot be written");
    _exit(0);
}

static void in_process(const char *path, const struct buffer *input)
{
    int fd = memfd_create("stdin", 0);
    if (fd < 0 || write_all(fd, input->data ? input->data : "", input->size) < 0 || lseek(fd, 0, SEEK_SET) < 0 ||
        dup2(fd, 0) < 0)
        fail(5, "error reading from stdin");
    char *argv[] = {PYTHON, "-ISE", LAUNCHER, (char *)path, NULL};
    execv(PYTHON, argv);
    fail(999, "cannot start " PYTHON ": run kcni install again");
}

static const char *versions_of(const char *name)
{
    for (size_t i = 0; i < sizeof plugins / sizeof *plugins; i++)
        if (strcmp(plugins[i].name, name) == 0)
            return plugins[i].versions;
    return NULL;
}

static void print_about(const char *name, const char *versions)
{
    fprintf(stderr, "CNI %s plugin " ABOUT_TAIL "\nCNI protocol versions supported: ", name);
    for (const char *c = versions; *c; c++)
        if (*c == ',')
            fputs(", ", stderr);
        else if (*c != '"')
            fputc(*c, stderr);
    fputc('\n', stderr);
}

/* Where this file is, for a caller that named it without a path. */
static const char *own_path(const char *called)
{
    static char path[4096];
    if (strchr(called, '/'))
        return called;
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    return n > 0 ? path : called;
}

int main(int argc, char **argv)
{
    const char *called = argc > 0 ? argv[0] : "", *slash = strrchr(called, '/');
    const char *name = slash ? slash + 1 : called, *versions = versions_of(name);
    const char *command = getenv("CNI_COMMAND"), *netns = getenv("CNI_NETNS");
    if (!versions) {
        fprintf(stderr, "%s: not a plugin of podnet\n", name);
        return 2;
    }
    if (!command || !*command) {
        print_about(name, versions);
        return 0;
    }
    if (strcmp(command, "VERSION") == 0) {
        printf("{\"cniVersion\":\"1.1.0\",\"supportedVersions\":[%s]}\n", versions);
        return 0;
    }
    const char *path = own_path(called);
    struct buffer input = read_stdin(), request = make_request(path, &input);
    int connection = -1;
    /* The daemon's /proc/self is not ours. */
    int ours = netns && (starts(netns, "/proc/self/") || starts(netns, "/proc/thread-self/"));
    enum reached result = ours ? ABSENT : reach(&request, &connection, SILENCE_MS);
    if (result == ABSENT)
        in_process(path, &input);
    int is_delete = strcmp(command, "DEL") == 0;
    if (result == SILENT && is_delete)
        connection = queue(&request);
    else if (result == SILENT)
        fail(strcmp(command, "STATUS") == 0 ? 50 : 11, "the CNI daemon does not answer: start it, or remove " SOCKET);
    int code = relay(connection);
    if (code == 9)
        in_process(path, &input);
    if (code < 0 && is_delete) {
        connection = queue(&request);
        code = relay(connection);
    }
    if (code < 0)
        fail(11, "the CNI daemon ended during the call: try again");
    return code;
}
