/* mock.c - an OpenAI-compatible upstream that costs next to nothing: one thread, one epoll loop.
 *
 *   mock PORT [CHUNKS=100] [DELAY_US=0]
 *
 *   GET  /v1/models, /health   a fixed answer
 *   POST anything              a fixed completion; with "stream":true, CHUNKS chunks, the finish chunk, the usage
 *                              chunk where "include_usage":true asks for it, and [DONE]
 *
 * A request may say otherwise in its body, "user":"mock:CHUNKS:DELAY_US", since gateways drop unknown headers.
 * DELAY_US is the pause before each chunk; 0 sends as fast as the peer reads. Each chunk is a send() of its own, as
 * real engines do it. The process listens on 127.0.0.1 only and refuses whatever it does not understand by closing.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_MAX 65536    /* a benchmark's request is under 1 kB */
#define CHUNKS_PER_TURN 16   /* unpaced streams take turns, so that none starves */
#define HEADROOM 4           /* a stalled loop catches up this many paced chunks at once, not more */
#define EVENTS 512

#define ID "\"id\":\"chatcmpl-8f1d6c3e5b2a4f6e9a0c1d2e3f405162\""
#define CHUNK_HEAD "data: {" ID ",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\"model\":\"mock\","
#define SERVER "date: Thu, 01 Jan 2026 00:00:00 GMT\r\nserver: mock\r\n"

struct conn {
    int fd;
    char in[REQUEST_MAX];
    size_t in_len;
    char *out;
    size_t out_len, out_sent, out_cap;
    bool wants_write;      /* the socket is full: EPOLLOUT is armed */
    bool close_after;      /* the request said "connection: close" */
    bool streaming, usage;
    long sent, total;
    long delay_us, next_us;
    struct conn *prev, *next; /* among the streaming connections, else NULL */
};

static int ep;
static struct conn streams = {.prev = &streams, .next = &streams};
static long default_chunks = 100, default_delay_us = 0;
static char reply_completion[2048], reply_models[1024], reply_health[512], reply_missing[512];

static const char *const stream_head =
    "HTTP/1.1 200 OK\r\n" SERVER "content-type: text/event-stream; charset=utf-8\r\n"
    "cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";

static long now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000L + t.tv_nsec / 1000;
}

static void make_reply(char *to, size_t size, const char *status, const char *body)
{
    snprintf(to, size, "HTTP/1.1 %s\r\n" SERVER "content-length: %zu\r\ncontent-type: application/json\r\n\r\n%s",
             status, strlen(body), body);
}

static void make_replies(void)
{
    make_reply(reply_completion, sizeof reply_completion, "200 OK",
               "{" ID ",\"object\":\"chat.completion\",\"created\":1767225600,\"model\":\"mock\",\"choices\":["
               "{\"index\":0,\"message\":{\"role\":\"assistant\","
               "\"content\":\"The quick brown fox jumps over the lazy dog, and then it sits down "
               "under the old oak tree to think about how fast a gateway can be.\",\"refusal\":null},"
               "\"logprobs\":null,\"finish_reason\":\"stop\"}],\"service_tier\":null,\"system_fingerprint\":null,"
               "\"usage\":{\"prompt_tokens\":42,\"total_tokens\":74,\"completion_tokens\":32,"
               "\"prompt_tokens_details\":null}}");
    make_reply(reply_models, sizeof reply_models, "200 OK",
               "{\"object\":\"list\",\"data\":[{\"id\":\"mock\",\"object\":\"model\",\"created\":1767225600,"
               "\"owned_by\":\"mock\",\"max_model_len\":32768}]}");
    make_reply(reply_health, sizeof reply_health, "200 OK", "{\"status\":\"ok\"}");
    make_reply(reply_missing, sizeof reply_missing, "404 Not Found",
               "{\"error\":{\"message\":\"no such path\",\"type\":\"not_found\",\"code\":404}}");
}

/* ---- writing ------------------------------------------------------------------------------------------------ */

static void put(struct conn *c, const char *bytes, size_t n)
{
    if (c->out_sent == c->out_len)
        c->out_sent = c->out_len = 0;
    if (c->out_len + n > c->out_cap) {
        c->out_cap = (c->out_len + n) * 2 + 4096;
        c->out = realloc(c->out, c->out_cap);
        if (!c->out)
            abort();
    }
    memcpy(c->out + c->out_len, bytes, n);
    c->out_len += n;
}

static void put_event(struct conn *c, const char *event, int n)
{
    char size[16];
    put(c, size, (size_t)snprintf(size, sizeof size, "%x\r\n", (unsigned)n));
    put(c, event, (size_t)n);
    put(c, "\r\n", 2);
}

static void arm_write(struct conn *c, bool on)
{
    if (c->wants_write == on)
        return;
    struct epoll_event e = {.events = EPOLLIN | (on ? EPOLLOUT : 0u), .data.ptr = c};
    epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
    c->wants_write = on;
}

/* Send what is pending. Returns false when the peer has gone. */
static bool flush(struct conn *c)
{
    while (c->out_sent < c->out_len) {
        ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL);
        if (n > 0) {
            c->out_sent += (size_t)n;
        } else if (errno == EAGAIN) {
            arm_write(c, true);
            return true;
        } else if (errno != EINTR) {
            return false;
        }
    }
    arm_write(c, false);
    return true;
}

/* ---- streams ------------------------------------------------------------------------------------------------ */

static void enlist(struct conn *c)
{
    c->next = streams.next;
    c->prev = &streams;
    streams.next->prev = c;
    streams.next = c;
}

static void delist(struct conn *c)
{
    if (!c->next)
        return;
    c->next->prev = c->prev;
    c->prev->next = c->next;
    c->next = c->prev = NULL;
}

static void put_end(struct conn *c)
{
    char event[512];
    put_event(c, event, snprintf(event, sizeof event,
              CHUNK_HEAD "\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}]}\n\n"));
    if (c->usage)
        put_event(c, event, snprintf(event, sizeof event,
                  CHUNK_HEAD "\"choices\":[],\"usage\":{\"prompt_tokens\":42,\"total_tokens\":%ld,"
                  "\"completion_tokens\":%ld}}\n\n", 42 + c->total, c->total));
    put_event(c, "data: [DONE]\n\n", 14);
    put(c, "0\r\n\r\n", 5);
    c->streaming = false;
}

static void put_chunk(struct conn *c)
{
    char event[512];
    int n;
    if (c->sent == 0)
        n = snprintf(event, sizeof event, CHUNK_HEAD "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\","
                     "\"content\":\"\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n");
    else
        n = snprintf(event, sizeof event, CHUNK_HEAD "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" tok%ld\"},"
                     "\"logprobs\":null,\"finish_reason\":null}]}\n\n", c->sent);
    put_event(c, event, n);
    if (++c->sent >= c->total)
        put_end(c);
}

/* Send the chunks that are due. Returns false when the peer has gone. */
static bool pump(struct conn *c)
{
    if (c->delay_us == 0) {
        for (int i = 0; i < CHUNKS_PER_TURN && c->streaming && !c->wants_write; i++) {
            put_chunk(c);
            if (!flush(c))
                return false;
        }
        return true;
    }
    long now = now_us();
    int due = 0;
    for (; due < HEADROOM && c->streaming && c->next_us <= now; due++) {
        put_chunk(c);
        c->next_us += c->delay_us;
    }
    return due == 0 || flush(c);
}

/* ---- requests ----------------------------------------------------------------------------------------------- */

struct request {
    size_t head_len, total_len;
    const char *body;
    size_t body_len;
    bool close;
};

static bool starts(const char *line, const char *name)
{
    return strncasecmp(line, name, strlen(name)) == 0;
}

/* Read one request from the buffer: 1 whole, 0 more bytes needed. */
static int read_request(struct conn *c, struct request *r)
{
    char *end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
    if (!end)
        return 0;
    *r = (struct request){.head_len = (size_t)(end - c->in) + 4};
    size_t length = 0;
    bool chunked = false;
    char *line = c->in;
    while ((line = memchr(line, '\n', (size_t)(end - line)))) {
        line++;
        if (starts(line, "content-length:"))
            length = strtoul(line + 15, NULL, 10);
        else if (starts(line, "transfer-encoding: chunked"))
            chunked = true;
        else if (starts(line, "connection: close"))
            r->close = true;
    }
    r->body = c->in + r->head_len;
    size_t have = c->in_len - r->head_len;
    if (chunked) { /* the chunk sizes stay in the body: the words looked for below are found all the same */
        char *last = memmem(r->body, have, "0\r\n\r\n", 5);
        if (!last)
            return 0;
        length = (size_t)(last - r->body) + 5;
    }
    if (have < length)
        return 0;
    r->body_len = length;
    r->total_len = r->head_len + length;
    return 1;
}

static bool is_true(const struct request *r, const char *key)
{
    char *p = memmem(r->body, r->body_len, key, strlen(key));
    if (!p)
        return false;
    const char *end = r->body + r->body_len;
    for (p += strlen(key); p < end && (*p == ' ' || *p == ':'); p++)
        ;
    return p < end && *p == 't';
}

static void begin_stream(struct conn *c, const struct request *r)
{
    c->total = default_chunks;
    c->delay_us = default_delay_us;
    char *wish = memmem(r->body, r->body_len, "\"mock:", 6);
    if (wish)
        sscanf(wish + 6, "%ld:%ld", &c->total, &c->delay_us);
    c->usage = is_true(r, "\"include_usage\"");
    c->streaming = true;
    c->sent = 0;
    c->next_us = now_us() + c->delay_us;
    put(c, stream_head, strlen(stream_head));
    enlist(c);
}

static void answer(struct conn *c, const struct request *r)
{
    const char *reply = reply_missing;
    if (strncmp(c->in, "POST ", 5) == 0) {
        if (is_true(r, "\"stream\"")) {
            begin_stream(c, r);
            return;
        }
        reply = reply_completion;
    } else if (strncmp(c->in, "GET /v1/models ", 15) == 0) {
        reply = reply_models;
    } else if (strncmp(c->in, "GET /health ", 12) == 0) {
        reply = reply_health;
    }
    put(c, reply, strlen(reply));
}

/* Answer every whole request in the buffer, up to the first that streams. Returns false to close. */
static bool serve(struct conn *c)
{
    while (!c->streaming && c->in_len > 0) {
        struct request r;
        c->in[c->in_len] = 0;
        if (read_request(c, &r) == 0)
            return c->in_len < REQUEST_MAX - 1;
        answer(c, &r);
        c->close_after |= r.close;
        memmove(c->in, c->in + r.total_len, c->in_len - r.total_len);
        c->in_len -= r.total_len;
        if (!flush(c))
            return false;
        if (c->close_after && !c->streaming)
            return false;
    }
    return true;
}

/* ---- the loop ----------------------------------------------------------------------------------------------- */

static void drop(struct conn *c)
{
    delist(c);
    close(c->fd);
    free(c->out);
    free(c);
}

static void accept_all(int listener)
{
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct conn *c = malloc(sizeof *c);
        if (!c)
            abort();
        memset(c, 0, sizeof *c);
        c->fd = fd;
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
    }
}

/* Take what has arrived. Returns false when the peer has closed. */
static bool take(struct conn *c)
{
    size_t room = REQUEST_MAX - 1 - c->in_len;
    if (room == 0)
        return false;
    ssize_t n = recv(c->fd, c->in + c->in_len, room, 0);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    c->in_len += (size_t)n;
    return n > 0 && serve(c);
}

static void pump_all(void)
{
    for (struct conn *c = streams.next, *next; c != &streams; c = next) {
        next = c->next;
        if (c->wants_write)
            continue;
        if (!pump(c)) {
            drop(c);
        } else if (!c->streaming && !c->wants_write) {
            delist(c);
            if (c->close_after || !serve(c))
                drop(c);
        }
    }
}

/* Milliseconds until some stream has a chunk to send; -1 for "when the network says so". */
static int pause_ms(void)
{
    long first = -1;
    for (struct conn *c = streams.next; c != &streams; c = c->next) {
        if (c->wants_write)
            continue;
        if (c->delay_us == 0)
            return 0;
        if (first < 0 || c->next_us < first)
            first = c->next_us;
    }
    if (first < 0)
        return -1;
    long wait = first - now_us();
    return wait <= 0 ? 0 : (int)((wait + 999) / 1000);
}

static int listen_on(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 4096)) {
        perror("mock: cannot listen");
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: mock PORT [CHUNKS=100] [DELAY_US=0]\n");
        return 2;
    }
    if (argc > 2)
        default_chunks = atol(argv[2]);
    if (argc > 3)
        default_delay_us = atol(argv[3]);
    signal(SIGPIPE, SIG_IGN);
    make_replies();
    ep = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_on(atoi(argv[1]));
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL}, ready[EVENTS];
    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e);
    for (;;) {
        int n = epoll_wait(ep, ready, EVENTS, pause_ms());
        for (int i = 0; i < n; i++) {
            struct conn *c = ready[i].data.ptr;
            if (!c) {
                accept_all(listener);
                continue;
            }
            bool alive = !(ready[i].events & (EPOLLERR | EPOLLHUP));
            if (alive && (ready[i].events & EPOLLIN))
                alive = take(c);
            if (alive && (ready[i].events & EPOLLOUT))
                alive = flush(c);
            if (!alive)
                drop(c);
        }
        pump_all();
    }
}
