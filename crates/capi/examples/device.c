/*
 * A program for a device without an operating system. It shows what the library asks for: a region, randomness, and
 * brtc_panic. It links with the library and with nothing else.
 *
 * The network, the clock and the source of randomness are the board's: three functions here stand for them.
 */
#include "barertc.h"

/* What a board has. These do nothing; the compiler does not know that, so that all of the program is linked. */
static volatile size_t nothing;

static uint64_t board_micros(void)
{
    return nothing;
}

static size_t board_receive(brtc_route *route, uint8_t *datagram, size_t size)
{
    (void)route;
    (void)datagram;
    (void)size;
    return nothing;
}

static void board_send(const brtc_route *route, const uint8_t *datagram, size_t length)
{
    (void)route;
    (void)datagram;
    (void)length;
}

static int board_random(void *context, uint8_t *out, size_t length)
{
    (void)context;
    (void)out;
    (void)length;
    return nothing == 0 ? -1 : 0; /* There is none here: brtc_identity_generate says so. */
}

/* A firmware resets the chip here. */
void brtc_panic(const char *file, size_t length, uint32_t line)
{
    (void)file;
    (void)length;
    (void)line;
    for (;;) {
    }
}

/* The application's memory, known when the program is linked. brtc_region_bytes checks that it is enough. */
static uint8_t region[160 * 1024];
static uint8_t identity_memory[1024];
static char description[8192];

/* The loop of a connection. */
static void serve(brtc_connection *connection)
{
    static uint8_t datagram[1200];
    brtc_transmit sent;
    brtc_route route;
    brtc_event event;
    size_t length;

    event.size = sizeof event;
    while (brtc_has_parted(connection) != BRTC_OK) {
        uint64_t now = board_micros();
        while ((length = board_receive(&route, datagram, sizeof datagram)) > 0) {
            brtc_handle(now, connection, &route, datagram, length);
        }
        brtc_handle_timeout(now, connection);
        while (brtc_poll_event(connection, &event) == BRTC_OK) {
            if (event.kind == BRTC_EVENT_CONNECTION_STATE && event.state == BRTC_CONNECTION_FAILED) {
                brtc_close(now, connection);
            }
        }
        while (brtc_poll_transmit(now, connection, datagram, sizeof datagram, &sent) == BRTC_OK) {
            board_send(&sent.route, datagram, sent.length);
        }
    }
}

int board_main(void)
{
    brtc_config config;
    brtc_identity *identity;
    brtc_connection *connection;
    size_t length;

    brtc_config_init(&config, sizeof config);
    config.random = board_random;
    config.max_tracks = 0;
    config.frame_memory = 0;
    if (brtc_region_bytes(&config) > sizeof region) {
        return 1;
    }
    if (brtc_identity_generate(identity_memory, sizeof identity_memory, board_random, NULL, &identity) != BRTC_OK) {
        return 2;
    }
    if (brtc_connection_create(&config, identity, region, sizeof region, &connection) != BRTC_OK) {
        return 3;
    }
    brtc_add_data(board_micros(), connection);
    if (brtc_create_offer(board_micros(), connection, description, sizeof description, &length) == BRTC_OK) {
        serve(connection);
    }
    brtc_connection_destroy(connection, NULL);
    brtc_identity_destroy(identity);
    return 0;
}

/* Where a real firmware has its start-up code. */
void _start(void)
{
    board_main();
    for (;;) {
    }
}
