/* Writes down where a process connects to: one line per call, appended to the file that EGRESS_FILE names.
 *
 * Preloaded into a daemon and, since the environment is inherited, into every child of it. What libc does by itself
 * (its resolver's own packets) does not pass through here, so the names that are looked up are written down instead.
 * Programs that make system calls without libc are not seen. Built and read by tests/egress.py.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void note(const char *call, const char *kind, const char *host, int port) {
    int kept = errno;
    const char *path = getenv("EGRESS_FILE");
    char line[512];
    int length, file;
    if (path != NULL) {
        length = snprintf(line, sizeof line, "%d\t%s\t%s\t%s\t%d\n", (int)getpid(), call, kind, host, port);
        if (length >= (int)sizeof line)
            length = sizeof line - 1, line[length - 1] = '\n';
        /* opened anew each time: who closes all descriptors must not have another file under a number of ours */
        file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
        if (file >= 0) {
            if (write(file, line, length) < 0) {
            }
            close(file);
        }
    }
    errno = kept;
}

static void note_address(const char *call, const struct sockaddr *address, socklen_t length) {
    char host[INET6_ADDRSTRLEN] = "";
    char kind[32];
    if (address == NULL || length < sizeof(sa_family_t))
        return;
    switch (address->sa_family) {
    case AF_INET: {
        const struct sockaddr_in *four = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &four->sin_addr, host, sizeof host);
        note(call, "inet", host, ntohs(four->sin_port));
        break;
    }
    case AF_INET6: {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
        inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof host);
        note(call, "inet", host, ntohs(six->sin6_port));
        break;
    }
    case AF_UNIX:
    case AF_UNSPEC: /* takes a connection back */
    case AF_NETLINK: /* asks the kernel */
        break;
    default:
        snprintf(kind, sizeof kind, "family-%d", address->sa_family);
        note(call, kind, "?", 0);
    }
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int connect(int socket, const struct sockaddr *address, socklen_t length) {
    note_address("connect", address, length);
    return REAL(connect)(socket, address, length);
}

ssize_t sendto(int socket, const void *data, size_t size, int flags, const struct sockaddr *address, socklen_t length) {
    note_address("sendto", address, length);
    return REAL(sendto)(socket, data, size, flags, address, length);
}

ssize_t sendmsg(int socket, const struct msghdr *message, int flags) {
    if (message != NULL)
        note_address("sendmsg", message->msg_name, message->msg_namelen);
    return REAL(sendmsg)(socket, message, flags);
}

int sendmmsg(int socket, struct mmsghdr *messages, unsigned int count, int flags) {
    unsigned int i;
    for (i = 0; i < count; i++)
        note_address("sendmmsg", messages[i].msg_hdr.msg_name, messages[i].msg_hdr.msg_namelen);
    return REAL(sendmmsg)(socket, messages, count, flags);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    if (node != NULL && !(hints != NULL && (hints->ai_flags & AI_NUMERICHOST)))
        note("getaddrinfo", "name", node, 0);
    return REAL(getaddrinfo)(node, service, hints, found);
}

struct hostent *gethostbyname(const char *name) {
    note("gethostbyname", "name", name, 0);
    return REAL(gethostbyname)(name);
}

struct hostent *gethostbyname2(const char *name, int family) {
    note("gethostbyname2", "name", name, 0);
    return REAL(gethostbyname2)(name, family);
}

int gethostbyname_r(const char *name, struct hostent *into, char *buffer, size_t size, struct hostent **found,
                    int *problem) {
    note("gethostbyname_r", "name", name, 0);
    return REAL(gethostbyname_r)(name, into, buffer, size, found, problem);
}
