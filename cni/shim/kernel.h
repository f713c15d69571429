/* The kernel's calls without a C library, and where the program starts.
 *
 * A static glibc asks the processor some twenty times what it is before main runs. In a virtual machine each
 * answer is a trap: 0.6 ms, ten times what all the rest of a plugin executable takes. With FREESTANDING there
 * is no library (x86-64, 64-bit ARM); without, the same calls go through syscall(2).
 *
 * Results are the kernel's own: negative errno for an error.
 */
#include <stddef.h>
#include <sys/syscall.h>

static int run(int argc, char **argv, char **environment);

#ifdef FREESTANDING

#if defined(__x86_64__)

__asm__(".globl _start\n_start:\n xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call started\n hlt\n");

static long call(long number, long a, long b, long c, long d, long e)
{
    long result;
    register long fourth __asm__("r10") = d;
    register long fifth __asm__("r8") = e;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
                     : "rcx", "r11", "memory");
    return result;
}

#elif defined(__aarch64__)

__asm__(".globl _start\n_start:\n mov x29, #0\n mov x30, #0\n mov x0, sp\n and sp, x0, #-16\n b started\n");

static long call(long number, long a, long b, long c, long d, long e)
{
    register long which __asm__("x8") = number;
    register long first __asm__("x0") = a;
    register long second __asm__("x1") = b;
    register long third __asm__("x2") = c;
    register long fourth __asm__("x3") = d;
    register long fifth __asm__("x4") = e;
    __asm__ volatile("svc 0"
                     : "+r"(first)
                     : "r"(which), "r"(second), "r"(third), "r"(fourth), "r"(fifth)
                     : "memory");
    return first;
}

#else
#error "no calls of this processor here: kcni install builds with the C library"
#endif

/* What the compiler makes of loops and structures. */
void *memcpy(void *target, const void *source, size_t size)
{
    char *to = target;
    const char *from = source;
    while (size--)
        *to++ = *from++;
    return target;
}

void *memset(void *target, int value, size_t size)
{
    char *to = target;
    while (size--)
        *to++ = (char)value;
    return target;
}

size_t strlen(const char *text)
{
    const char *end = text;
    while (*end)
        end++;
    return (size_t)(end - text);
}

/* The stack as execve(2) leaves it: argc, argv, NULL, environment, NULL. */
__attribute__((used, noreturn)) void started(long *stack)
{
    char **argv = (char **)(stack + 1);
    long status = run((int)stack[0], argv, argv + stack[0] + 1);
    for (;;)
        call(SYS_exit_group, status, 0, 0, 0, 0);
}

#else

#include <errno.h>
#include <string.h>
#include <unistd.h>

static long call(long number, long a, long b, long c, long d, long e)
{
    long result = syscall(number, a, b, c, d, e);
    return result == -1 ? -errno : result;
}

int main(int argc, char **argv, char **environment)
{
    return run(argc, argv, environment);
}

#endif
