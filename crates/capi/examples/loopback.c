/*
 * Two connections in one process, each in a region of its own, exchange a message each way over a data channel and a frame
 * of video. The network between them is a loop, and the clock is simulated: nothing waits.
 *
 * It prints what it did, and ends with 0 where everything was given back.
 */
#include "barertc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the program where a call is refused, and says why. */
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

/* Randomness of the system. A device takes its true source. */
static int system_random(void *context, uint8_t *out, size_t len)
{
    FILE *file = fopen("/dev/urandom", "rb");
    size_t got = file == NULL ? 0 : fread(out, 1, len, file);
    (void)context;
    if (file != NULL) {
        fclose(file);
    }
    return got == len ? 0 : -1;
}

static void *room(size_t bytes)
{
    void *memory = malloc(bytes);
    if (memory == NULL) {
        fprintf(stderr, "no memory\n");
        exit(1);
    }
    return memory;
}

/* One side: the region, the connection in it, and what it has done. */
struct side {
    void *region;
    brtc_connection *connection;
    brtc_address address;
    uint32_t track;
    char heard[32];
    int connected, opened, frames, closed;
};

static void make_side(struct side *side, const brtc_config *config, const brtc_identity *identity, uint8_t last)
{
    size_t bytes = brtc_region_bytes(config);
    if (bytes == 0) {
        char why[160];
        brtc_config_check(config, why, sizeof why);
        fprintf(stderr, "%s\n", why);
        exit(1);
    }
    memset(side, 0, sizeof *side);
    side->region = room(bytes);
    must(brtc_connection_create(config, identity, side->region, bytes, &side->connection), NULL, "create");
    side->address.family = 4;
    side->address.port = 4000;
    side->address.ip[0] = 10;
    side->address.ip[3] = last;
    must(brtc_add_local_candidate(0, side->connection, &side->address), side->connection, "candidate");
}

static void say(uint64_t now, struct side *side, uint32_t channel, const char *text)
{
    must(brtc_write_channel(now, side->connection, channel, BRTC_TEXT, (const uint8_t *)text, strlen(text)),
         side->connection, "write");
}

/* What has happened at a side. The first one writes as soon as its channel is open, the second one answers. */
static void events(uint64_t now, struct side *side, int first)
{
    brtc_event event;
    event.size = sizeof event;
    while (brtc_poll_event(side->connection, &event) == BRTC_OK) {
        switch (event.kind) {
        case BRTC_EVENT_CONNECTION_STATE:
            side->connected |= event.state == BRTC_CONNECTION_CONNECTED;
            side->closed |= event.state == BRTC_CONNECTION_CLOSED;
            if (event.state == BRTC_CONNECTION_FAILED) {
                fprintf(stderr, "failed: %s\n", event.text);
                exit(1);
            }
            break;
        case BRTC_EVENT_CHANNEL_OPEN:
            side->opened = 1;
            if (first) {
                say(now, side, event.channel, "hello");
            }
            break;
        case BRTC_EVENT_CHANNEL_READABLE: {
            brtc_message message;
            while (brtc_read_channel(now, side->connection, event.channel, (uint8_t *)side->heard,
                                     sizeof side->heard - 1, &message) == BRTC_OK) {
                side->heard[message.length] = 0;
                if (!first) {
                    say(now, side, event.channel, "hello yourself");
                }
            }
            break;
        }
        case BRTC_EVENT_FRAME_RECEIVED: {
            static uint8_t picture[4096];
            brtc_received_frame frame;
            while (brtc_read_frame(now, side->connection, event.track, picture, sizeof picture, &frame) == BRTC_OK) {
                side->frames += frame.complete && frame.key;
            }
            break;
        }
        default:
            break;
        }
    }
}

/* Carries what one side has to send to the other. */
static int carry(uint64_t now, struct side *from, struct side *to)
{
    uint8_t datagram[1200];
    brtc_transmit sent;
    int carried = 0;
    brtc_handle_timeout(now, from->connection);
    while (brtc_poll_transmit(now, from->connection, datagram, sizeof datagram, &sent) == BRTC_OK) {
        brtc_route route;
        route.local = sent.route.remote;
        route.remote = sent.route.local;
        /* What is wrong with a datagram is counted; nothing needs to be done. */
        brtc_handle(now, to->connection, &route, datagram, sent.length);
        carried++;
    }
    return carried;
}

int main(void)
{
    static const uint8_t picture[] = { 0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0, 0, 0, 1, 0x68, 0xce,
                                       0, 0, 0, 1, 0x65, 0x88, 0x84, 0x21 };
    static char offer[16384], answer[16384];
    struct side one, two;
    brtc_identity *identity;
    brtc_config config;
    brtc_channel_config chat;
    brtc_track_config video;
    brtc_memory memory;
    uint32_t channel;
    size_t length, live_one, live_two;
    uint64_t now = 0, next_picture = 0;
    void *identity_memory = room(brtc_identity_bytes());
    int n;

    must(brtc_identity_generate(identity_memory, brtc_identity_bytes(), system_random, NULL, &identity), NULL, "identity");
    must(brtc_config_init(&config, sizeof config), NULL, "config");
    config.random = system_random;
    config.receive_video = 1;
    make_side(&one, &config, identity, 1);
    make_side(&two, &config, identity, 2);

    must(brtc_channel_config_init(&chat, sizeof chat), NULL, "channel");
    chat.label = "chat";
    must(brtc_open_channel(now, one.connection, &chat, &channel), one.connection, "open");
    must(brtc_add_data(now, two.connection), two.connection, "data");
    must(brtc_track_config_init(&video, sizeof video), NULL, "track");
    video.codecs[0] = BRTC_H264;
    video.stream = "camera";
    must(brtc_add_track(now, one.connection, &video, &one.track), one.connection, "track");
    video.direction = BRTC_RECVONLY;
    must(brtc_add_track(now, two.connection, &video, &two.track), two.connection, "track");

    /* What signaling carries between the two. */
    must(brtc_create_offer(now, one.connection, offer, sizeof offer, &length), one.connection, "offer");
    must(brtc_create_answer(now, two.connection, offer, length, answer, sizeof answer, &length), two.connection, "answer");
    must(brtc_set_answer(now, one.connection, answer, length), one.connection, "set answer");

    while (one.heard[0] == 0 || two.frames == 0) {
        if (now >= next_picture && brtc_is_sending(one.connection, one.track) == BRTC_OK) {
            brtc_frame frame;
            memset(&frame, 0, sizeof frame);
            frame.codec = BRTC_H264;
            frame.timestamp = (uint32_t)(now * 9 / 100);
            frame.data = picture;
            frame.length = sizeof picture;
            must(brtc_send_frame(now, one.connection, one.track, &frame), one.connection, "frame");
            next_picture = now + 33000;
        }
        carry(now, &one, &two);
        events(now, &two, 0);
        carry(now, &two, &one);
        events(now, &one, 1);
        now += 5000;
        if (now > 10000000) {
            fprintf(stderr, "they have not found each other\n");
            return 1;
        }
    }
    printf("after %u ms: \"%s\" there, \"%s\" back, %d frames\n", (unsigned)(now / 1000), two.heard, one.heard, two.frames);
    if (strcmp(two.heard, "hello") != 0 || strcmp(one.heard, "hello yourself") != 0) {
        return 1;
    }

    memory.size = sizeof memory;
    must(brtc_get_memory(one.connection, &memory), one.connection, "memory");
    printf("held: %lu of %lu bytes, and %lu of frames\n", (unsigned long)memory.live, (unsigned long)memory.capacity,
           (unsigned long)memory.frames_live);
    if (memory.live == 0 || memory.failures != 0) {
        return 1;
    }

    /* They part in good order. */
    must(brtc_close(now, one.connection), one.connection, "close");
    for (n = 0; n < 100 && brtc_has_parted(one.connection) != BRTC_OK; n++, now += 5000) {
        carry(now, &one, &two);
        events(now, &two, 0);
        carry(now, &two, &one);
    }
    if (!two.closed) {
        fprintf(stderr, "the other side was not told\n");
        return 1;
    }
    if (brtc_identity_destroy(identity) != BRTC_IN_USE) {
        fprintf(stderr, "the identity could be destroyed under its connections\n");
        return 1;
    }
    must(brtc_connection_destroy(one.connection, &live_one), NULL, "destroy");
    must(brtc_connection_destroy(two.connection, &live_two), NULL, "destroy");
    if (brtc_connection_destroy(one.connection, NULL) != BRTC_INVALID_HANDLE) {
        fprintf(stderr, "a connection was destroyed twice\n");
        return 1;
    }
    must(brtc_identity_destroy(identity), NULL, "identity");
    printf("live: %lu and %lu bytes\n", (unsigned long)live_one, (unsigned long)live_two);
    free(one.region);
    free(two.region);
    free(identity_memory);
    return live_one == 0 && live_two == 0 ? 0 : 1;
}
