/*
 * A program that answers a browser: `answer IPV4-ADDRESS`. It opens a UDP socket there, reads an offer from its standard
 * input up to an empty line, and writes the answer, with an empty line behind it. Then it sends back every message
 * that comes over a data channel, and says what happens in a line each. It ends when the peer goes, or its input does.
 *
 * POSIX.1-2001: sockets, poll, clock_gettime.
 */
#include "barertc.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MTU = 1200, MESSAGE = 16384, CHANNELS = 8, DESCRIPTION = 32768 };

static void must(brtc_result result, brtc_connection *connection, const char *what)
{
    char why[160] = "";
    if (result >= BRTC_OK) {
        return;
    }
    if (connection != NULL) {
        brtc_error_text(connection, why, sizeof why, NULL);
    }
    fprintf(stderr, "%s: %s: %s\n", what, brtc_result_name(result), why);
    exit(1);
}

static void require(int holds, const char *what)
{
    if (!holds) {
        perror(what);
        exit(1);
    }
}

static uint64_t micros(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static int system_random(void *context, uint8_t *out, size_t length)
{
    FILE *file = fopen("/dev/urandom", "rb");
    size_t got = file == NULL ? 0 : fread(out, 1, length, file);
    (void)context;
    if (file != NULL) {
        fclose(file);
    }
    return got == length ? 0 : -1;
}

static void log_line(void *context, brtc_log_level level, const char *text)
{
    (void)context;
    if (level != BRTC_LOG_DEBUG) {
        fprintf(stderr, "%s\n", text);
    }
}

static brtc_address from_system(const struct sockaddr_in *system)
{
    brtc_address address;
    memset(&address, 0, sizeof address);
    address.family = 4;
    address.port = ntohs(system->sin_port);
    memcpy(address.ip, &system->sin_addr, 4);
    return address;
}

static struct sockaddr_in to_system(const brtc_address *address)
{
    struct sockaddr_in system;
    memset(&system, 0, sizeof system);
    system.sin_family = AF_INET;
    system.sin_port = htons(address->port);
    memcpy(&system.sin_addr, address->ip, 4);
    return system;
}

/* Reads a description up to an empty line. Lines end with CR LF there (RFC 8866 §5). */
static size_t read_description(char *out, size_t size)
{
    char line[4096];
    size_t length = 0;
    while (fgets(line, sizeof line, stdin) != NULL) {
        size_t end = strcspn(line, "\r\n");
        if (end == 0) {
            return length;
        }
        require(length + end + 2 < size, "the description is too long");
        memcpy(out + length, line, end);
        memcpy(out + length + end, "\r\n", 2);
        length += end + 2;
    }
    exit(1);
}

/* A message that comes in parts, for each channel: the lowest byte of a channel's number is its index. */
static struct part {
    size_t length;
    uint8_t bytes[MESSAGE];
} parts[CHANNELS];

/* Sends back what has come. What there is no room for is left out, and said. */
static void echo(uint64_t now, brtc_connection *connection, uint32_t channel)
{
    struct part *part = &parts[(channel & 0xff) % CHANNELS];
    brtc_message message;
    while (brtc_read_channel(now, connection, channel, part->bytes + part->length, sizeof part->bytes - part->length,
                             &message) == BRTC_OK) {
        part->length += message.length;
        if (message.complete) {
            brtc_result sent =
                brtc_write_channel(now, connection, channel, message.kind, part->bytes, part->length);
            printf("heard %lu bytes: %s\n", (unsigned long)part->length, brtc_result_name(sent));
            part->length = 0;
        } else if (part->length == sizeof part->bytes) {
            printf("a message of more than %d bytes: closed\n", MESSAGE);
            brtc_close_channel(now, connection, channel);
            part->length = 0;
            return;
        }
    }
}

/* Tells what has happened. Returns 0 when the connection is over. */
static int events(uint64_t now, brtc_connection *connection)
{
    int goes_on = 1;
    brtc_event event;
    event.size = sizeof event;
    while (brtc_poll_event(connection, &event) == BRTC_OK) {
        switch (event.kind) {
        case BRTC_EVENT_CONNECTION_STATE:
            printf("state %lu %s\n", (unsigned long)event.state, event.text);
            goes_on = goes_on && event.state < BRTC_CONNECTION_FAILED;
            break;
        case BRTC_EVENT_CHANNEL_OPEN: {
            char label[64] = "";
            brtc_channel_label(connection, event.channel, label, sizeof label, NULL);
            printf("open %s\n", label);
            break;
        }
        case BRTC_EVENT_CHANNEL_CLOSED:
            /* What had come of a message is of no use to the next channel with this index. */
            parts[(event.channel & 0xff) % CHANNELS].length = 0;
            break;
        case BRTC_EVENT_CHANNEL_READABLE:
            echo(now, connection, event.channel);
            break;
        default:
            break;
        }
    }
    fflush(stdout);
    return goes_on;
}

/* Sends what is to be sent. A datagram that the system does not take is lost, as any may be. */
static void transmit(int udp, uint64_t now, brtc_connection *connection)
{
    uint8_t datagram[MTU];
    brtc_transmit out;
    while (brtc_poll_transmit(now, connection, datagram, sizeof datagram, &out) == BRTC_OK) {
        struct sockaddr_in to = to_system(&out.route.remote);
        (void)!sendto(udp, datagram, out.length, 0, (struct sockaddr *)&to, sizeof to);
    }
}

/* Milliseconds to wait at the most. */
static int patience(uint64_t now, brtc_connection *connection)
{
    uint64_t at;
    if (brtc_timeout(connection, &at) != BRTC_OK || at > now + 1000000) {
        return 1000;
    }
    return at <= now ? 0 : (int)((at - now + 999) / 1000);
}

static void loop(int udp, const brtc_address *local, brtc_connection *connection)
{
    int alive = 1;
    while (alive) {
        static uint8_t datagram[2048];
        struct pollfd wait[2] = { { 0, POLLIN, 0 }, { 0, POLLIN, 0 } };
        uint64_t now = micros();
        brtc_handle_timeout(now, connection);
        alive = events(now, connection);
        transmit(udp, now, connection);
        wait[0].fd = udp;
        wait[1].fd = STDIN_FILENO;
        if (!alive || poll(wait, 2, patience(now, connection)) <= 0) {
            continue;
        }
        if (wait[0].revents & POLLIN) {
            struct sockaddr_in from;
            socklen_t size = sizeof from;
            ssize_t got = recvfrom(udp, datagram, sizeof datagram, 0, (struct sockaddr *)&from, &size);
            if (got > 0) {
                brtc_route route;
                route.local = *local;
                route.remote = from_system(&from);
                brtc_handle(micros(), connection, &route, datagram, (size_t)got);
            }
        }
        if (wait[1].revents != 0 && read(STDIN_FILENO, datagram, sizeof datagram) <= 0) {
            brtc_close(micros(), connection);
            transmit(udp, micros(), connection);
            alive = 0;
        }
    }
}

int main(int argc, char **argv)
{
    static char offer[DESCRIPTION], answer[DESCRIPTION];
    struct sockaddr_in bound;
    socklen_t size = sizeof bound;
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    brtc_config config;
    brtc_identity *identity;
    brtc_connection *connection;
    brtc_address local;
    size_t length, live, bytes;
    void *region, *identity_memory;

    memset(&bound, 0, sizeof bound);
    bound.sin_family = AF_INET;
    if (argc != 2 || inet_pton(AF_INET, argv[1], &bound.sin_addr) != 1) {
        fprintf(stderr, "answer IPV4-ADDRESS\n");
        return 2;
    }
    require(udp >= 0, "socket");
    require(bind(udp, (struct sockaddr *)&bound, sizeof bound) == 0, "bind");
    require(getsockname(udp, (struct sockaddr *)&bound, &size) == 0, "getsockname");
    local = from_system(&bound);
    setvbuf(stdin, NULL, _IONBF, 0);

    /* Bounds: data channels only. */
    must(brtc_config_init(&config, sizeof config), NULL, "config");
    config.random = system_random;
    config.log = log_line;
    config.max_tracks = 0;
    config.frame_memory = 0;
    config.max_channels = CHANNELS;
    /* Room for the longest message that is sent back, while others are on their way. */
    config.send_buffer = 4 * MESSAGE;
    bytes = brtc_region_bytes(&config);
    region = malloc(bytes);
    identity_memory = malloc(brtc_identity_bytes());
    require(region != NULL && identity_memory != NULL, "malloc");
    must(brtc_identity_generate(identity_memory, brtc_identity_bytes(), system_random, NULL, &identity), NULL, "identity");
    must(brtc_connection_create(&config, identity, region, bytes, &connection), NULL, "create");
    must(brtc_add_local_candidate(micros(), connection, &local), connection, "candidate");
    must(brtc_add_data(micros(), connection), connection, "data");

    length = read_description(offer, sizeof offer);
    must(brtc_create_answer(micros(), connection, offer, length, answer, sizeof answer, &length), connection, "answer");
    printf("%s\r\n", answer);
    fflush(stdout);

    loop(udp, &local, connection);

    must(brtc_connection_destroy(connection, &live), NULL, "destroy");
    must(brtc_identity_destroy(identity), NULL, "identity");
    printf("live %lu\n", (unsigned long)live);
    free(region);
    free(identity_memory);
    close(udp);
    return live == 0 ? 0 : 1;
}
