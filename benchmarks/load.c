/* load.c - keeps K SSE streams open against one address and checks every one of them.
 *
 *   load PORT [-c STREAMS=32] [-t SECONDS=5] [-n COUNT=0] [-k CHUNKS=100] [-d DELAY_US=0] [-a ABORT_PERCENT=0]
 *             [-D ABORT_DELAY_US=10000] [-m MODEL=mock] [-p PATH=/v1/chat/completions] [-s]
 *
 * The API key comes from the environment variable BENCH_KEY, never from the command line. When a stream has ended the
 * next one begins on the same connection. The run ends after SECONDS, or once COUNT streams have ended.
 *
 * The path names the dialect: chat, or /v1/messages and /v1/responses, which a gateway translates. A stream is good
 * when the status is 200 and exactly the events came that CHUNKS chunks of chat amount to in that dialect, the last of
 * them the dialect's own end, then the end of the HTTP body. ABORT_PERCENT of the streams are closed once half of their
 * chunks have arrived; those ask for ABORT_DELAY_US between chunks, or they would be over before they can be cut. -s
 * spreads the first starts over one DELAY_US, so that paced streams do not tick together and wake the gateway once for
 * all of them.
 *
 * Prints one JSON object on stdout; the first fault, in words, on stderr. Exit code 0 unless the run itself failed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define READ_SIZE 262144
#define HEAD_MAX 8192
#define LINE_KEPT 32      /* of a line only its first bytes matter: "data: [DONE]", "event: message_stop" */
#define EVENTS 256
#define FAULTS_MAX 1000   /* a gateway that is down must not be hammered for ever */

/* ---- a histogram: 32 steps per power of two, so every value is within 3 % ------------------------------------ */

#define STEP_BITS 5
#define STEPS (1 << STEP_BITS)
struct histogram {
    unsigned long count[64 * STEPS];
    unsigned long total;
};

static void note(struct histogram *h, long us)
{
    unsigned long v = us > 0 ? (unsigned long)us : 0;
    int shift = v < STEPS ? 0 : 63 - __builtin_clzl(v) - STEP_BITS;
    h->count[(size_t)shift * STEPS + (v >> shift)]++;
    h->total++;
}

/* The value in milliseconds below which a share of the values lies; -1 when there are none. */
static double quantile_ms(const struct histogram *h, double share)
{
    unsigned long left = (unsigned long)(share * (double)(h->total ? h->total - 1 : 0));
    for (size_t i = 0; i < 64 * STEPS && h->total; i++) {
        if (left < h->count[i]) {
            size_t shift = i < 2 * STEPS ? 0 : i / STEPS - 1;
            return (double)((i - shift * STEPS) << shift) / 1000.0;
        }
        left -= h->count[i];
    }
    return -1;
}

/* ---- what is asked for, what was seen ------------------------------------------------------------------------ */

struct options {
    int port, streams;
    double seconds;
    long count, chunks, delay_us, abort_delay_us;
    int abort_percent;
    bool spread;
    const char *model, *path;
};

static struct options opt = {.streams = 32, .seconds = 5, .chunks = 100, .abort_delay_us = 10000, .model = "mock",
                             .path = "/v1/chat/completions"};
/* What a stream of CHUNKS chunks, of which the first one only opens it, becomes in each dialect. */
static const struct dialect {
    const char *path; /* where it is spoken */
    const char *last; /* how the line begins that ends it */
    long more;        /* events beside one a chunk */
} dialects[] = {
    {"/v1/messages", "event: message_stop", 4},        /* message_start, a block's start and stop, message_delta, it */
    {"/v1/responses", "event: response.completed", 7}, /* created, in_progress, twice added, three times done, it */
    {"", "data: [DONE]", 3},                           /* the finish chunk, the usage chunk, it */
};
static const struct dialect *dialect;
static struct {
    long begun, good, aborted, late_aborts, cut, faults, not_200, reopened, events, bytes;
    struct histogram first, gap, whole;
} seen;

static char request[4096], abort_request[4096];
static int ep;

static long now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000L + t.tv_nsec / 1000;
}

/* ---- one stream ---------------------------------------------------------------------------------------------- */

enum body { SIZE_LINE, CHUNK_DATA, CHUNK_END, TRAILER, COUNTED, TO_THE_END };

struct stream {
    int fd;
    bool running, reused, aborting;
    long started, start_at, last_event;
    char head[HEAD_MAX];
    size_t head_len;
    bool in_body;
    enum body body;
    size_t left;        /* of the chunk, or of a counted body */
    size_t trailer_len; /* of the line being read after the last chunk */
    char line[LINE_KEPT];
    size_t line_len;
    long events;
    bool done_seen, ended;
};

static void fault(const char *what, const struct stream *s)
{
    if (seen.faults++ == 0)
        fprintf(stderr, "first fault: %s (after %ld events, %zu bytes of head: %.300s)\n", what, s->events,
                s->head_len, s->head);
}

static void shut(struct stream *s)
{
    close(s->fd);
    s->fd = -1;
    s->running = false;
}

static bool open_connection(struct stream *s)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct timeval limit = {.tv_sec = 5}; /* bounds connect() where the peer's backlog is full */
    int on = 1;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(s->fd, (struct sockaddr *)&to, sizeof to))
        return false;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = s};
    return epoll_ctl(ep, EPOLL_CTL_ADD, s->fd, &e) == 0;
}

static void send_request(struct stream *s)
{
    const char *bytes = s->aborting ? abort_request : request;
    size_t n = strlen(bytes);
    s->running = true;
    s->head_len = s->left = s->line_len = s->trailer_len = 0;
    s->head[0] = 0;
    s->in_body = s->done_seen = s->ended = false;
    s->events = s->last_event = 0;
    s->reused = s->fd >= 0;
    s->started = now_us();
    if ((s->fd < 0 && !open_connection(s)) || send(s->fd, bytes, n, MSG_NOSIGNAL) != (ssize_t)n) {
        if (!s->reused)
            fault("cannot connect or send", s);
        else
            seen.reopened++;
        shut(s);
    }
}

static void begin(struct stream *s)
{
    /* spread the aborts evenly: number i aborts when the running share passes the next whole number */
    long i = seen.begun++;
    s->aborting = (i + 1) * opt.abort_percent / 100 > i * opt.abort_percent / 100;
    send_request(s);
    if (!s->running && s->reused)
        send_request(s); /* the peer had closed the idle connection, as it may: once more on a new one */
}

/* ---- reading an answer ----------------------------------------------------------------------------------------- */

static void on_line(struct stream *s, long now)
{
    if (s->line_len >= 5 && memcmp(s->line, "data:", 5) == 0) {
        s->events++;
        seen.events++;
        if (s->events == 1)
            note(&seen.first, now - s->started);
        else if (s->last_event != now)
            note(&seen.gap, now - s->last_event);
        s->last_event = now;
    }
    size_t last = strlen(dialect->last);
    if (s->line_len >= last && memcmp(s->line, dialect->last, last) == 0)
        s->done_seen = true;
    s->line_len = 0;
}

static void on_text(struct stream *s, const char *p, size_t n, long now)
{
    while (n > 0) {
        const char *newline = memchr(p, '\n', n);
        size_t part = newline ? (size_t)(newline - p) : n;
        size_t keep = part < LINE_KEPT - s->line_len ? part : LINE_KEPT - s->line_len;
        memcpy(s->line + s->line_len, p, keep);
        s->line_len += keep;
        if (!newline)
            return;
        on_line(s, now);
        p += part + 1;
        n -= part + 1;
    }
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Take the framing off the body. Sets `ended` at its end. Returns false when the framing is broken. */
static bool on_body(struct stream *s, const char *p, size_t n, long now)
{
    while (n > 0 && !s->ended) {
        if (s->body == CHUNK_DATA || s->body == COUNTED || s->body == TO_THE_END) {
            size_t part = s->body == TO_THE_END || n < s->left ? n : s->left;
            on_text(s, p, part, now);
            p += part;
            n -= part;
            if (s->body == TO_THE_END)
                continue;
            s->left -= part;
            if (s->left == 0 && s->body == COUNTED)
                s->ended = true;
            else if (s->left == 0)
                s->body = CHUNK_END;
            continue;
        }
        char c = *p++;
        n--;
        if (s->body == SIZE_LINE) {
            if (c == '\n')
                s->body = s->left ? CHUNK_DATA : TRAILER;
            else if (hex(c) >= 0)
                s->left = s->left * 16 + (size_t)hex(c);
            else if (c != '\r')
                return false;
        } else if (s->body == CHUNK_END) {
            if (c == '\n')
                s->body = SIZE_LINE;
            else if (c != '\r')
                return false;
        } else if (c == '\n') { /* TRAILER: an empty line ends the body */
            s->ended = s->trailer_len == 0;
            s->trailer_len = 0;
        } else if (c != '\r') {
            s->trailer_len++;
        }
    }
    return n == 0;
}

/* Read the head. Returns how many of the n bytes belong to it, or -1 when the answer is of no use. */
static long on_head(struct stream *s, const char *p, size_t n)
{
    size_t before = s->head_len;
    size_t part = n < HEAD_MAX - 1 - before ? n : HEAD_MAX - 1 - before;
    memcpy(s->head + before, p, part);
    s->head_len += part;
    s->head[s->head_len] = 0;
    char *end = strstr(s->head, "\r\n\r\n");
    if (!end) {
        if (s->head_len < HEAD_MAX - 1)
            return (long)n;
        fault("the head is too long", s);
        return -1;
    }
    if (strncmp(s->head + 8, " 200", 4) != 0) {
        seen.not_200++;
        fault("the status is not 200", s);
        return -1;
    }
    size_t head_len = (size_t)(end - s->head) + 4;
    *end = 0; /* the searches below stay inside the head */
    const char *length = strcasestr(s->head, "\r\ncontent-length:");
    s->body = strcasestr(s->head, "\r\ntransfer-encoding: chunked") ? SIZE_LINE : length ? COUNTED : TO_THE_END;
    s->left = s->body == COUNTED ? strtoul(length + 17, NULL, 10) : 0;
    s->in_body = true;
    return (long)(head_len - before);
}

/* ---- the life of a stream -------------------------------------------------------------------------------------- */

static void finish(struct stream *s, long now)
{
    note(&seen.whole, now - s->started);
    if (s->aborting)
        seen.late_aborts++;
    if (!s->done_seen)
        fault("the stream ended without its last event", s);
    else if (s->events != opt.chunks + dialect->more)
        fault("the number of events is wrong", s);
    else
        seen.good++;
    s->running = false;
    if (s->body == TO_THE_END || strcasestr(s->head, "\r\nconnection: close"))
        shut(s);
}

static void on_close(struct stream *s, long now)
{
    if (s->in_body && s->body == TO_THE_END) {
        finish(s, now);
    } else if (!s->running) {
        shut(s);
    } else if (s->reused && s->head_len == 0) {
        seen.reopened++;
        shut(s);
        send_request(s);
    } else {
        fault("the connection closed in the middle", s);
        shut(s);
    }
}

static void on_ready(struct stream *s)
{
    static char buffer[READ_SIZE];
    ssize_t n = recv(s->fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    long now = now_us();
    if (n <= 0 || !s->running) {
        on_close(s, now);
        return;
    }
    seen.bytes += n;
    long head = 0;
    if (!s->in_body && (head = on_head(s, buffer, (size_t)n)) < 0) {
        shut(s);
        return;
    }
    if (s->in_body && !on_body(s, buffer + head, (size_t)(n - head), now)) {
        fault("the body's framing is broken", s);
        shut(s);
    } else if (s->ended) {
        finish(s, now);
    } else if (s->aborting && s->events >= (opt.chunks + 1) / 2) {
        seen.aborted++;
        shut(s);
    }
}

/* ---- the run --------------------------------------------------------------------------------------------------- */

#define SYSTEM "You are a helpful assistant that answers briefly."
#define QUESTION "Tell me about foxes and dogs, and how quickly they may jump over one another in the old forest."

/* Write the body of a request; what the mock is to do stands where a translation leaves it: in the user's words. */
static int write_body(char *to, size_t size, long delay_us)
{
    if (strcmp(dialect->path, "/v1/messages") == 0)
        return snprintf(to, size,
                        "{\"model\":\"%s\",\"stream\":true,\"max_tokens\":512,\"system\":\"" SYSTEM "\",\"messages\":"
                        "[{\"role\":\"user\",\"content\":\"mock:%ld:%ld " QUESTION "\"}]}",
                        opt.model, opt.chunks, delay_us);
    if (strcmp(dialect->path, "/v1/responses") == 0)
        return snprintf(to, size,
                        "{\"model\":\"%s\",\"stream\":true,\"instructions\":\"" SYSTEM "\",\"input\":"
                        "[{\"role\":\"user\",\"content\":\"mock:%ld:%ld " QUESTION "\"}]}",
                        opt.model, opt.chunks, delay_us);
    return snprintf(to, size,
                    "{\"model\":\"%s\",\"stream\":true,\"stream_options\":{\"include_usage\":true},"
                    "\"user\":\"mock:%ld:%ld\",\"messages\":[{\"role\":\"system\",\"content\":\"" SYSTEM "\"},"
                    "{\"role\":\"user\",\"content\":\"" QUESTION "\"}]}",
                    opt.model, opt.chunks, delay_us);
}

static void write_request(char *to, size_t size, long delay_us)
{
    const char *key = getenv("BENCH_KEY");
    char body[1024];
    int n = write_body(body, sizeof body, delay_us);
    snprintf(to, size,
             "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\n"
             "Content-Length: %d\r\n\r\n%s",
             opt.path, opt.port, key ? key : "none", n, body);
}

static bool may_begin(long now, const struct stream *s)
{
    return !s->running && now >= s->start_at && (opt.count == 0 || seen.begun < opt.count);
}

/* Keep the streams going until the time or the count is up. Returns how long it took, in seconds. */
static double run(struct stream *all)
{
    struct epoll_event ready[EVENTS];
    long began = now_us(), end = began + (long)(opt.seconds * 1e6), now = began;
    for (int i = 0; i < opt.streams; i++) {
        all[i].fd = -1;
        all[i].start_at = began + (opt.spread ? opt.delay_us * i / opt.streams : 0);
    }
    while (now < end && seen.faults < FAULTS_MAX) {
        bool waiting = false;
        int running = 0;
        for (int i = 0; i < opt.streams; i++) {
            if (may_begin(now, &all[i]))
                begin(&all[i]);
            running += all[i].running;
            waiting |= !all[i].running;
        }
        if (opt.count > 0 && seen.begun >= opt.count && running == 0)
            break;
        int n = epoll_wait(ep, ready, EVENTS, waiting ? 1 : 50);
        for (int i = 0; i < n; i++) {
            struct stream *s = ready[i].data.ptr;
            if (s->fd >= 0)
                on_ready(s);
        }
        now = now_us();
    }
    for (int i = 0; i < opt.streams; i++)
        seen.cut += all[i].running;
    return (double)(now - began) / 1e6;
}

static void print_quantiles(const char *name, const struct histogram *h)
{
    printf(",\"%s\":{\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f}", name, quantile_ms(h, 0.5), quantile_ms(h, 0.9),
           quantile_ms(h, 0.99));
}

static void report(double seconds)
{
    /* what the mock sent for these events: the same for every dialect */
    double chunks = (double)seen.events * (double)(opt.chunks + 3) / (double)(opt.chunks + dialect->more);
    printf("{\"seconds\":%.3f,\"begun\":%ld,\"good\":%ld,\"aborted\":%ld,\"late_aborts\":%ld,\"cut\":%ld,"
           "\"faults\":%ld,\"not_200\":%ld,\"reopened\":%ld,\"events\":%ld,\"chunks\":%.0f,\"bytes\":%ld",
           seconds, seen.begun, seen.good, seen.aborted, seen.late_aborts, seen.cut, seen.faults, seen.not_200,
           seen.reopened, seen.events, chunks, seen.bytes);
    print_quantiles("first_ms", &seen.first);
    print_quantiles("gap_ms", &seen.gap);
    print_quantiles("whole_ms", &seen.whole);
    printf("}\n");
}

static bool read_options(int argc, char **argv)
{
    int letter;
    while ((letter = getopt(argc, argv, "c:t:n:k:d:a:D:m:p:s")) != -1) {
        switch (letter) {
        case 'c': opt.streams = atoi(optarg); break;
        case 't': opt.seconds = atof(optarg); break;
        case 'n': opt.count = atol(optarg); break;
        case 'k': opt.chunks = atol(optarg); break;
        case 'd': opt.delay_us = atol(optarg); break;
        case 'a': opt.abort_percent = atoi(optarg); break;
        case 'D': opt.abort_delay_us = atol(optarg); break;
        case 'm': opt.model = optarg; break;
        case 'p': opt.path = optarg; break;
        case 's': opt.spread = true; break;
        default: return false;
        }
    }
    if (optind != argc - 1)
        return false;
    opt.port = atoi(argv[optind]);
    return opt.port > 0 && opt.streams > 0 && opt.seconds > 0 && opt.chunks > 0;
}

int main(int argc, char **argv)
{
    if (!read_options(argc, argv)) {
        fprintf(stderr, "usage: load [-c STREAMS] [-t SECONDS] [-n COUNT] [-k CHUNKS] [-d DELAY_US]\n"
                        "            [-a ABORT_PERCENT] [-D ABORT_DELAY_US] [-m MODEL] [-p PATH] [-s] PORT\n");
        return 2;
    }
    for (dialect = dialects; *dialect->path && strcmp(dialect->path, opt.path) != 0; dialect++)
        ;
    write_request(request, sizeof request, opt.delay_us);
    write_request(abort_request, sizeof abort_request, opt.abort_delay_us);
    ep = epoll_create1(EPOLL_CLOEXEC);
    struct stream *all = calloc((size_t)opt.streams, sizeof *all);
    if (ep < 0 || !all)
        return 1;
    report(run(all));
    free(all);
    return 0;
}
