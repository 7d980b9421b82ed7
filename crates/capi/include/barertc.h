/*
 * barertc: WebRTC without an operating system.
 *
 * Written by cbindgen from crates/capi: do not edit. docs/c.md tells how to build the library, and what the loop looks like.
 *
 * Memory: a connection lives in a region that the caller gives, and allocates nothing elsewhere. brtc_region_bytes says how
 * large the region must be. brtc_connection_destroy gives it back.
 *
 * Time: `now` is in microseconds from an origin of the caller's, such as boot. It never goes back.
 *
 * Threads: one thread at a time uses a connection and the identity that it was made with. There is no state outside of
 * them: connections with identities of their own are independent.
 *
 * Pointers: each is null or valid for what the function does with it. A null pointer where a value is needed gives
 * BRTC_INVALID_ARGUMENT. Text that is passed without a length ends with a zero byte.
 *
 * Handles: one that is none, or was destroyed, gives BRTC_INVALID_HANDLE as long as its memory is there and not in use for
 * something else. A callback must not call into the connection that called it: it gets BRTC_BUSY.
 *
 * Structures that begin with `size` may grow: fill them in with their _init function, or set `size` to their sizeof.
 *
 * Licence: MIT OR Apache-2.0.
 */

#ifndef BARERTC_H
#define BARERTC_H

#include <stddef.h>
#include <stdint.h>

/**
 * In `negotiated_id`: the channel is opened by a message to the peer.
 */
#define BRTC_NOT_NEGOTIATED 4294967295

/**
 * The version of this interface: major version times 10000, minor times 100, patch.
 */
#define BRTC_VERSION 100

/**
 * Bytes of `text` in an event.
 */
#define BRTC_EVENT_TEXT 256

/**
 * The most bytes that an exported identity has.
 */
#define BRTC_IDENTITY_EXPORT_MAX 512

/**
 * The most codecs of a track in this interface.
 */
#define BRTC_MAX_CODECS 4

/**
 * What a function returns. Errors are negative; `brtc_error_text` tells the cause in words, with field, limit and value.
 */
typedef enum brtc_result {
    /**
     * The call had its effect.
     */
    BRTC_OK = 0,
    /**
     * There is nothing now: no datagram, no event, no deadline, no message, no frame. This is no error.
     */
    BRTC_NOTHING = 1,
    /**
     * A queue is full. For data channels an event tells when there is room. For frames none does: leave the frame out.
     */
    BRTC_WOULD_BLOCK = -1,
    /**
     * An argument is null, out of its range, or no valid text.
     */
    BRTC_INVALID_ARGUMENT = -2,
    /**
     * The handle is none, or was destroyed.
     */
    BRTC_INVALID_HANDLE = -3,
    /**
     * Another call on this connection is under way, in another thread or below a callback. This finds mistakes; it is no
     * lock.
     */
    BRTC_BUSY = -4,
    /**
     * The configuration breaks a rule. `brtc_config_check` names the field, the limit and the value.
     */
    BRTC_INVALID_CONFIG = -5,
    /**
     * The region has no memory left.
     */
    BRTC_NO_MEMORY = -6,
    /**
     * The region is smaller than `brtc_region_bytes` or `brtc_identity_bytes` says.
     */
    BRTC_REGION_TOO_SMALL = -7,
    /**
     * The application's function for randomness has failed, or has written nothing.
     */
    BRTC_NO_RANDOMNESS = -8,
    /**
     * The caller's buffer is too short. Where the call tells a length, it is the one that the buffer must have, with the
     * zero byte behind a text.
     */
    BRTC_BUFFER_TOO_SHORT = -9,
    /**
     * A table is at its bound, which does not change.
     */
    BRTC_TOO_MANY = -10,
    /**
     * The frame or the message is larger than it can be.
     */
    BRTC_TOO_LARGE = -11,
    /**
     * The connection is closed.
     */
    BRTC_CLOSED = -12,
    /**
     * The connection has failed. `brtc_error_text` has the reason. It can only be closed, and destroyed.
     */
    BRTC_FAILED = -13,
    /**
     * Media cannot flow yet: there is no connection, or the track is not agreed on or paused.
     */
    BRTC_NOT_READY = -14,
    /**
     * The call does not fit what was agreed on so far: no offer waits, or one does, or there is nothing to offer.
     */
    BRTC_WRONG_STATE = -15,
    /**
     * No track has this number.
     */
    BRTC_NO_SUCH_TRACK = -16,
    /**
     * No data channel has this number: it was closed, or its association is over.
     */
    BRTC_NO_SUCH_CHANNEL = -17,
    /**
     * The track does not send, or does not receive, as the call asks.
     */
    BRTC_WRONG_DIRECTION = -18,
    /**
     * There is no way to send or receive this codec.
     */
    BRTC_NOT_SUPPORTED = -19,
    /**
     * The session description breaks a rule.
     */
    BRTC_DESCRIPTION = -20,
    /**
     * ICE refused the call.
     */
    BRTC_ICE = -21,
    /**
     * DTLS refused the call or the datagram.
     */
    BRTC_DTLS = -22,
    /**
     * SRTP refused the call or the datagram.
     */
    BRTC_SRTP = -23,
    /**
     * SCTP refused the call or the datagram.
     */
    BRTC_SCTP = -24,
    /**
     * The media stream refused the call.
     */
    BRTC_MEDIA = -25,
    /**
     * Connections still use the identity.
     */
    BRTC_IN_USE = -26,
    /**
     * The bytes are no exported identity.
     */
    BRTC_BAD_IDENTITY = -27,
} brtc_result;

/**
 * How much a line of the log matters.
 */
typedef enum brtc_log_level {
    /**
     * A call was refused.
     */
    BRTC_LOG_WARNING = 1,
    /**
     * The state of the connection or of ICE has changed.
     */
    BRTC_LOG_INFO = 2,
    /**
     * A datagram was dropped.
     */
    BRTC_LOG_DEBUG = 3,
} brtc_log_level;

/**
 * What a message is.
 */
typedef enum brtc_message_kind {
    /**
     * Text in UTF-8. It is not checked.
     */
    BRTC_TEXT = 0,
    /**
     * Bytes.
     */
    BRTC_BINARY = 1,
} brtc_message_kind;

/**
 * When a message that is not acknowledged is given up (RFC 3758).
 */
typedef enum brtc_reliability {
    /**
     * Never.
     */
    BRTC_RELIABLE = 0,
    /**
     * After `limit` retransmissions, at most 65535.
     */
    BRTC_MAX_RETRANSMITS = 1,
    /**
     * `limit` milliseconds after it was written.
     */
    BRTC_MAX_LIFETIME = 2,
} brtc_reliability;

/**
 * What an event is about.
 */
typedef enum brtc_event_kind {
    /**
     * Of a later library. Ignore it.
     */
    BRTC_EVENT_NONE = 0,
    /**
     * The connection's state has changed: `state` is a `brtc_connection_state`. Where it has failed, `failure` and `text`
     * say why.
     */
    BRTC_EVENT_CONNECTION_STATE = 1,
    /**
     * The state of ICE has changed: `state` is a `brtc_ice_state`. Where it has failed, `failure` and `text` say why.
     */
    BRTC_EVENT_ICE_STATE = 2,
    /**
     * Gathering has begun or is complete: `state` is 1 or 2.
     */
    BRTC_EVENT_GATHERING_STATE = 3,
    /**
     * A local candidate was found: `text` is its line, to be trickled to the peer.
     */
    BRTC_EVENT_LOCAL_CANDIDATE = 4,
    /**
     * A STUN or TURN server, whose address is `address`, gives no candidate: `text` says why.
     */
    BRTC_EVENT_ICE_SERVER_FAILED = 5,
    /**
     * The peer has not answered while the connection was being made: `failure` and `text` say what is known. It is still
     * tried.
     */
    BRTC_EVENT_PEER_SILENT = 6,
    /**
     * A description has changed what was agreed on for `track`.
     */
    BRTC_EVENT_TRACK_NEGOTIATED = 7,
    /**
     * The peer begins to send on `track`.
     */
    BRTC_EVENT_REMOTE_TRACK = 8,
    /**
     * The peer needs a key frame of `track`.
     */
    BRTC_EVENT_KEY_FRAME_WANTED = 9,
    /**
     * `track` has received a frame: call `brtc_read_frame` until there is none.
     */
    BRTC_EVENT_FRAME_RECEIVED = 10,
    /**
     * The estimate of what the path carries has changed: `value` is in bits a second.
     */
    BRTC_EVENT_BITRATE = 11,
    /**
     * `channel` is open. This side or the peer has opened it.
     */
    BRTC_EVENT_CHANNEL_OPEN = 12,
    /**
     * `channel` has something to read: call `brtc_read_channel` until there is nothing.
     */
    BRTC_EVENT_CHANNEL_READABLE = 13,
    /**
     * `channel` has room again.
     */
    BRTC_EVENT_CHANNEL_WRITABLE = 14,
    /**
     * What waits on `channel` has fallen to its threshold.
     */
    BRTC_EVENT_CHANNEL_BUFFERED_AMOUNT_LOW = 15,
    /**
     * `channel` was closed. Its number is no longer valid.
     */
    BRTC_EVENT_CHANNEL_CLOSED = 16,
    /**
     * The association of the data channels is over. Where it has failed, `text` says why.
     */
    BRTC_EVENT_DATA_CLOSED = 17,
} brtc_event_kind;

/**
 * The W3C's `RTCPeerConnectionState`.
 */
typedef enum brtc_connection_state {
    /**
     * No description has been applied.
     */
    BRTC_CONNECTION_NEW = 0,
    /**
     * ICE or DTLS are at work.
     */
    BRTC_CONNECTION_CONNECTING = 1,
    /**
     * Media and data can flow.
     */
    BRTC_CONNECTION_CONNECTED = 2,
    /**
     * The selected path is silent. ICE looks for another one.
     */
    BRTC_CONNECTION_DISCONNECTED = 3,
    /**
     * The connection has failed.
     */
    BRTC_CONNECTION_FAILED = 4,
    /**
     * Closed by either side.
     */
    BRTC_CONNECTION_CLOSED = 5,
} brtc_connection_state;

/**
 * The W3C's `RTCIceConnectionState`.
 */
typedef enum brtc_ice_state {
    /**
     * Checking has not begun.
     */
    BRTC_ICE_NEW = 0,
    /**
     * No pair works yet.
     */
    BRTC_ICE_CHECKING = 1,
    /**
     * A pair works.
     */
    BRTC_ICE_CONNECTED = 2,
    /**
     * A pair is nominated, and no check is under way.
     */
    BRTC_ICE_COMPLETED = 3,
    /**
     * The pair in use is silent.
     */
    BRTC_ICE_DISCONNECTED = 4,
    /**
     * No pair works.
     */
    BRTC_ICE_FAILED = 5,
    /**
     * Closed.
     */
    BRTC_ICE_CLOSED = 6,
} brtc_ice_state;

/**
 * Why a connection failed. `text` of the event says more.
 */
typedef enum brtc_failure {
    /**
     * It has not.
     */
    BRTC_FAILURE_NONE = 0,
    /**
     * A path was in use, and the peer's consent to receive on it has run out.
     */
    BRTC_FAILURE_CONSENT_LOST = 1,
    /**
     * There is no local candidate.
     */
    BRTC_FAILURE_NO_LOCAL_CANDIDATE = 2,
    /**
     * The peer has named no candidate, and no check of it has arrived.
     */
    BRTC_FAILURE_NO_REMOTE_CANDIDATE = 3,
    /**
     * No local candidate fits a remote one.
     */
    BRTC_FAILURE_NO_PAIR = 4,
    /**
     * The peer has refused a check.
     */
    BRTC_FAILURE_REFUSED = 5,
    /**
     * What arrives was made with another password.
     */
    BRTC_FAILURE_UNAUTHENTICATED = 6,
    /**
     * Checks of the peer arrive, but none of ours is answered.
     */
    BRTC_FAILURE_ONE_WAY = 7,
    /**
     * Nothing has arrived from the peer.
     */
    BRTC_FAILURE_UNANSWERED = 8,
    /**
     * Another reason of ICE.
     */
    BRTC_FAILURE_ICE = 9,
    /**
     * DTLS failed, or waits for the peer.
     */
    BRTC_FAILURE_DTLS = 10,
    /**
     * SRTP could not be made with the keys.
     */
    BRTC_FAILURE_SRTP = 11,
} brtc_failure;

/**
 * A codec.
 */
typedef enum brtc_codec {
    /**
     * None.
     */
    BRTC_NO_CODEC = 0,
    /**
     * H.264, Constrained Baseline, level 3.1 (RFC 6184). 90,000 ticks a second.
     */
    BRTC_H264 = 1,
    /**
     * H.265, Main profile, level 3.1 (RFC 7798). 90,000 ticks a second.
     */
    BRTC_H265 = 2,
    /**
     * VP8 (RFC 7741). 90,000 ticks a second.
     */
    BRTC_VP8 = 3,
    /**
     * Opus (RFC 7587). 48,000 ticks a second.
     */
    BRTC_OPUS = 4,
    /**
     * G.711 µ-law. 8,000 ticks a second.
     */
    BRTC_PCMU = 5,
    /**
     * G.711 A-law. 8,000 ticks a second.
     */
    BRTC_PCMA = 6,
    /**
     * VP9, profile 0 (RFC 9628). A frame is what an encoder gives out for a picture. 90,000 ticks a second.
     */
    BRTC_VP9 = 7,
    /**
     * AV1, Main profile, level 3.1. A frame is a temporal unit, whose units have sizes. 90,000 ticks a second.
     */
    BRTC_AV1 = 8,
} brtc_codec;

/**
 * What a side does with a track.
 */
typedef enum brtc_direction {
    /**
     * This side sends and receives.
     */
    BRTC_SENDRECV = 0,
    /**
     * This side sends.
     */
    BRTC_SENDONLY = 1,
    /**
     * This side receives.
     */
    BRTC_RECVONLY = 2,
    /**
     * Nobody sends.
     */
    BRTC_INACTIVE = 3,
} brtc_direction;

/**
 * How the NAL units of H.264 and H.265 follow each other in a frame.
 */
typedef enum brtc_framing {
    /**
     * Start codes `00 00 01` or `00 00 00 01` (ITU-T H.264 annex B).
     */
    BRTC_ANNEX_B = 0,
    /**
     * A length of two bytes before each, its most significant byte first.
     */
    BRTC_LENGTH2 = 1,
    /**
     * A length of four bytes before each, its most significant byte first.
     */
    BRTC_LENGTH4 = 2,
} brtc_framing;

/**
 * A connection to one peer. It stands at the beginning of its region.
 */
typedef struct brtc_connection brtc_connection;

/**
 * A certificate and its secret key. Many connections may share it; they are on its thread.
 */
typedef struct brtc_identity brtc_identity;

/**
 * A data channel that is to be opened. `brtc_channel_config_init` fills in an ordered and reliable one.
 */
typedef struct brtc_channel_config {
    /**
     * Bytes of this structure.
     */
    uint32_t size;
    /**
     * A `brtc_reliability`.
     */
    uint32_t reliability;
    /**
     * Retransmissions or milliseconds, as `reliability` says.
     */
    uint32_t limit;
    /**
     * The stream id that both applications have agreed on, or `BRTC_NOT_NEGOTIATED`.
     */
    uint32_t negotiated_id;
    /**
     * Share among the channels that have something to send (RFC 8831 §6.4): 128, 256, 512, 1024.
     */
    uint16_t priority;
    /**
     * Whether messages arrive in the order that they were written in: 0 or 1.
     */
    uint8_t ordered;
    /**
     * Zero.
     */
    uint8_t reserved;
    /**
     * Its name, which may be null for none.
     */
    const char *label;
    /**
     * The subprotocol, which may be null for none.
     */
    const char *protocol;
} brtc_channel_config;

/**
 * What was read from a data channel.
 */
typedef struct brtc_message {
    /**
     * Bytes of the message in the caller's buffer.
     */
    size_t length;
    /**
     * A `brtc_message_kind`.
     */
    uint32_t kind;
    /**
     * 1 where the message is complete with them; 0 where more of it follows.
     */
    uint32_t complete;
} brtc_message;

/**
 * A function of the application that writes `len` random bytes to `out`, from the chip's true source or the system's. It
 * returns 0, and anything else where it has failed. What it writes decides about all keys.
 */
typedef int (*brtc_random)(void *context, uint8_t *out, size_t len);

/**
 * A function of the application that takes a line of the log. `text` ends with a zero byte and is valid during the call.
 * It must not call into the connection.
 */
typedef void (*brtc_log)(void *context, enum brtc_log_level level, const char *text);

/**
 * Bounds of a connection. `brtc_config_init` fills it in with defaults: a device that sends one video and one audio track
 * to a browser and has a few data channels.
 */
typedef struct brtc_config {
    /**
     * Bytes of this structure.
     */
    uint32_t size;
    /**
     * The largest datagram, in bytes of UDP payload; 576 to 65507.
     */
    uint16_t mtu;
    /**
     * The most tracks, in either direction; at most 16.
     */
    uint8_t max_tracks;
    /**
     * The most data channels at a time.
     */
    uint8_t max_channels;
    /**
     * Bytes of messages that are kept until the peer has acknowledged them.
     */
    uint32_t send_buffer;
    /**
     * Bytes of messages that are kept until they are read.
     */
    uint32_t receive_buffer;
    /**
     * The longest message that is taken from the peer, in bytes.
     */
    uint32_t max_message_size;
    /**
     * Bytes of the region for frames. A frame stays from `brtc_send_frame` until nobody can ask for its packets again. 0
     * for a connection that sends no media; else a little more than `video_history` and `largest_key_frame` together.
     * That is checked for one video track: each further one needs as much again.
     */
    uint32_t frame_memory;
    /**
     * Bytes of frames that are kept for retransmission, for each video track that sends.
     */
    uint32_t video_history;
    /**
     * The largest key frame that will be sent, in bytes.
     */
    uint32_t largest_key_frame;
    /**
     * How much delay the application can bear for pictures that are whole, in milliseconds. 0: it never waits.
     */
    uint32_t latency_ms;
    /**
     * Repair packets (FlexFEC) of video in the making at a time; 0 for none, at most 16.
     */
    uint8_t repair_packets;
    /**
     * How many tracks can receive video at a time. Each takes about 400 KB.
     */
    uint8_t receive_video;
    /**
     * How many tracks can receive audio at a time. Each takes about 40 KB.
     */
    uint8_t receive_audio;
    /**
     * How many TURN servers there may be.
     */
    uint8_t max_turn_servers;
    /**
     * Only relayed addresses are told and used: 0 or 1.
     */
    uint8_t relay_only;
    /**
     * ICE lite, for hosts with public addresses (RFC 8445 §2.5): 0 or 1.
     */
    uint8_t ice_lite;
    /**
     * Our offers have `a=sctp-init` (draft-hancke-tsvwg-snap-00): 0 or 1.
     */
    uint8_t snap;
    /**
     * Our offers say that checks carry DTLS (draft-hancke-webrtc-sped): 0 or 1.
     */
    uint8_t sped;
    /**
     * Where the estimate of the bit rate begins, in bits a second.
     */
    uint64_t start_bitrate;
    /**
     * The estimate never falls below this, in bits a second.
     */
    uint64_t min_bitrate;
    /**
     * The estimate never rises above this, in bits a second.
     */
    uint64_t max_bitrate;
    /**
     * Where randomness comes from. It is called in `brtc_connection_create` only.
     */
    brtc_random random;
    /**
     * The first argument of `random`.
     */
    void *random_context;
    /**
     * Where lines of the log go; null for nowhere.
     */
    brtc_log log;
    /**
     * The first argument of `log`.
     */
    void *log_context;
} brtc_config;

/**
 * What the region of a connection is used for. Bytes are those that were asked for, without what the heap adds.
 */
typedef struct brtc_memory {
    /**
     * Bytes of this structure, set by the caller.
     */
    uint32_t size;
    /**
     * Allocations that failed.
     */
    uint32_t failures;
    /**
     * Bytes that the connection holds.
     */
    size_t live;
    /**
     * The most that it ever held.
     */
    size_t peak;
    /**
     * Bytes that there are for it.
     */
    size_t capacity;
    /**
     * Bytes that frames hold.
     */
    size_t frames_live;
    /**
     * The most that frames ever held.
     */
    size_t frames_peak;
    /**
     * Bytes that there are for frames: `frame_memory`.
     */
    size_t frames_capacity;
} brtc_memory;

/**
 * The address of a UDP socket. Set those bytes to zero that are not used.
 */
typedef struct brtc_address {
    /**
     * 4 for IPv4, 6 for IPv6.
     */
    uint8_t family;
    /**
     * Zero.
     */
    uint8_t reserved;
    /**
     * The port, in the byte order of the machine.
     */
    uint16_t port;
    /**
     * The scope of a link-local IPv6 address (RFC 4007), or 0.
     */
    uint32_t scope_id;
    /**
     * The address, its most significant byte first. IPv4 uses the first four bytes.
     */
    uint8_t ip[16];
} brtc_address;

/**
 * What the application should know. Fields that `kind` does not name are zero.
 */
typedef struct brtc_event {
    /**
     * Bytes of this structure, set by the caller.
     */
    uint32_t size;
    /**
     * A `brtc_event_kind`. Ignore those that you do not know.
     */
    uint32_t kind;
    /**
     * The state of the connection, of ICE, or of gathering.
     */
    uint32_t state;
    /**
     * A `brtc_failure`.
     */
    uint32_t failure;
    /**
     * The number of a track.
     */
    uint32_t track;
    /**
     * The number of a data channel.
     */
    uint32_t channel;
    /**
     * A figure.
     */
    uint64_t value;
    /**
     * An address.
     */
    struct brtc_address address;
    /**
     * A text that ends with a zero byte.
     */
    char text[256];
} brtc_event;

/**
 * The two ends of a datagram.
 */
typedef struct brtc_route {
    /**
     * The address of our socket, as it was given to `brtc_add_local_candidate`.
     */
    struct brtc_address local;
    /**
     * The address of the other end.
     */
    struct brtc_address remote;
} brtc_route;

/**
 * A datagram that is to be sent.
 */
typedef struct brtc_transmit {
    /**
     * The socket to send from, and the destination.
     */
    struct brtc_route route;
    /**
     * Bytes in the caller's buffer, from its start.
     */
    size_t length;
} brtc_transmit;

/**
 * Figures of a connection, named as in the W3C's webrtc-stats.
 */
typedef struct brtc_stats {
    /**
     * Bytes of this structure, set by the caller.
     */
    uint32_t size;
    /**
     * A `brtc_connection_state`.
     */
    uint32_t connection_state;
    /**
     * A `brtc_ice_state`.
     */
    uint32_t ice_state;
    /**
     * 1 where the DTLS handshake is complete.
     */
    uint32_t dtls_connected;
    /**
     * Datagrams of DTLS, RTP and RTCP that were sent.
     */
    uint64_t packets_sent;
    /**
     * Datagrams of DTLS, RTP and RTCP that were received.
     */
    uint64_t packets_received;
    /**
     * Bytes of their UDP payload that were sent.
     */
    uint64_t bytes_sent;
    /**
     * Bytes of their UDP payload that were received.
     */
    uint64_t bytes_received;
    /**
     * The round-trip time on the selected path, in microseconds; 0 before it was measured.
     */
    uint64_t round_trip_time;
    /**
     * The estimate of what the path carries, in bits a second; 0 before there was feedback.
     */
    uint64_t available_outgoing_bitrate;
    /**
     * The selected path; zero before there is one.
     */
    struct brtc_route route;
    /**
     * Data channels that either side has opened.
     */
    uint32_t data_channels_opened;
    /**
     * Data channels that were closed.
     */
    uint32_t data_channels_closed;
    /**
     * Datagrams, or parts of them, that were dropped, for all reasons.
     */
    uint32_t discarded;
    /**
     * Of these, what belongs to no protocol, came too early, or is of a stream that was not agreed on.
     */
    uint32_t discarded_connection;
    /**
     * Of these, what ICE dropped.
     */
    uint32_t discarded_ice;
    /**
     * Of these, what DTLS dropped.
     */
    uint32_t discarded_dtls;
    /**
     * Of these, what SRTP dropped.
     */
    uint32_t discarded_srtp;
    /**
     * Of these, what SCTP dropped.
     */
    uint32_t discarded_sctp;
} brtc_stats;

/**
 * Figures of a track. Those of a direction that it does not have are 0.
 */
typedef struct brtc_track_stats {
    /**
     * Bytes of this structure, set by the caller.
     */
    uint32_t size;
    /**
     * Zero.
     */
    uint32_t reserved;
    /**
     * Packets that this side sent and the peer did not receive, as its last report says.
     */
    int32_t remote_packets_lost;
    /**
     * Packets that the peer sent and this side did not receive (RFC 3550 §6.4.1).
     */
    int32_t packets_lost;
    /**
     * Packets that were sent.
     */
    uint64_t packets_sent;
    /**
     * Packets that were sent again.
     */
    uint64_t retransmitted_packets_sent;
    /**
     * Bytes of payload that were sent.
     */
    uint64_t bytes_sent;
    /**
     * Frames that were sent.
     */
    uint64_t frames_sent;
    /**
     * Key frames that were sent.
     */
    uint64_t key_frames_sent;
    /**
     * Frames that were taken and then dropped instead of being sent. Those that `brtc_send_frame` refused are not among them.
     */
    uint64_t frames_dropped;
    /**
     * Key frames that the peer has asked for (PLI and FIR).
     */
    uint64_t key_frames_wanted;
    /**
     * Retransmissions that the peer has asked for (NACK).
     */
    uint64_t nack_count;
    /**
     * The round-trip time by the peer's reports, in microseconds; 0 before it was measured.
     */
    uint64_t round_trip_time;
    /**
     * Packets that were received.
     */
    uint64_t packets_received;
    /**
     * Bytes of payload that were received.
     */
    uint64_t bytes_received;
    /**
     * Frames that were received.
     */
    uint64_t frames_received;
    /**
     * Frames of which something was missing.
     */
    uint64_t frames_incomplete;
    /**
     * Variation of the time that packets take, in microseconds.
     */
    uint64_t jitter;
} brtc_track_stats;

/**
 * A track that is to be added. `brtc_track_config_init` fills in one that sends, without codecs.
 */
typedef struct brtc_track_config {
    /**
     * Bytes of this structure.
     */
    uint32_t size;
    /**
     * What this side would like to do: a `brtc_direction`.
     */
    uint32_t direction;
    /**
     * The codecs, each a `brtc_codec`, in order of preference, all of video or all of audio; `BRTC_NO_CODEC` behind the last.
     */
    uint32_t codecs[4];
    /**
     * The name of its m-line in offers of ours; null for a number.
     */
    const char *mid;
    /**
     * The id of the media stream that it sends; null for none. Tracks with the same id are played in step.
     */
    const char *stream;
} brtc_track_config;

/**
 * A frame that is to be sent: one access unit of video, or one packet of audio.
 */
typedef struct brtc_frame {
    /**
     * What it is encoded with: a `brtc_codec`.
     */
    uint32_t codec;
    /**
     * How its NAL units follow each other, for H.264 and H.265: a `brtc_framing`.
     */
    uint32_t framing;
    /**
     * Media time in ticks of the codec's clock, from any origin. It wraps.
     */
    uint32_t timestamp;
    /**
     * Zero.
     */
    uint32_t reserved;
    /**
     * Its bytes. They are copied.
     */
    const uint8_t *data;
    /**
     * How many bytes.
     */
    size_t length;
} brtc_frame;

/**
 * A frame that was received.
 */
typedef struct brtc_received_frame {
    /**
     * Bytes in the caller's buffer.
     */
    size_t length;
    /**
     * The timestamp of RTP, in ticks of the codec's clock.
     */
    uint32_t timestamp;
    /**
     * Packets that were given up between the frame before and the end of this one.
     */
    uint32_t lost;
    /**
     * When its first packet arrived, in microseconds of the caller's clock.
     */
    uint64_t arrived;
    /**
     * 1 where a decoder can start here.
     */
    uint8_t key;
    /**
     * 1 where nothing of it is missing. NAL units are set apart by start codes.
     */
    uint8_t complete;
} brtc_received_frame;

/**
 * What was agreed on for a track.
 */
typedef struct brtc_track {
    /**
     * Bytes of this structure, set by the caller.
     */
    uint32_t size;
    /**
     * What this side would like to do: a `brtc_direction`.
     */
    uint32_t direction;
    /**
     * What was agreed on: a `brtc_direction`, `BRTC_INACTIVE` before there is an agreement.
     */
    uint32_t current_direction;
    /**
     * The codec that is sent with: a `brtc_codec`, `BRTC_NO_CODEC` before one was agreed on.
     */
    uint32_t codec;
    /**
     * The source of what this side sends.
     */
    uint32_t ssrc;
} brtc_track;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Fills in a channel's properties: ordered, reliable, without a name. `size` is `sizeof(brtc_channel_config)` of the caller.
 */
enum brtc_result brtc_channel_config_init(struct brtc_channel_config *config,
                                          size_t size);

/**
 * Data channels shall be part of the next description, though this side opens none.
 */
enum brtc_result brtc_add_data(uint64_t now, struct brtc_connection *connection);

/**
 * Opens a data channel; `BRTC_EVENT_CHANNEL_OPEN` follows. `channel` becomes its number, which is never 0.
 */
enum brtc_result brtc_open_channel(uint64_t now,
                                   struct brtc_connection *connection,
                                   const struct brtc_channel_config *config,
                                   uint32_t *channel);

/**
 * Closes a data channel: what was written is still sent. `BRTC_EVENT_CHANNEL_CLOSED` follows.
 */
enum brtc_result brtc_close_channel(uint64_t now, struct brtc_connection *connection, uint32_t channel);

/**
 * Writes a whole message, or nothing. `kind` is a `brtc_message_kind`.
 *
 * `BRTC_WOULD_BLOCK`: there is no room now, and `BRTC_EVENT_CHANNEL_WRITABLE` follows.
 */
enum brtc_result brtc_write_channel(uint64_t now,
                                    struct brtc_connection *connection,
                                    uint32_t channel,
                                    uint32_t kind,
                                    const uint8_t *message,
                                    size_t length);

/**
 * Begins a message that is written in pieces, and so may be longer than the send buffer.
 */
enum brtc_result brtc_begin_message(uint64_t now,
                                    struct brtc_connection *connection,
                                    uint32_t channel,
                                    uint32_t kind);

/**
 * Adds to the message under way. `taken` becomes the number of bytes that were taken; the rest is to be offered again
 * after `BRTC_EVENT_CHANNEL_WRITABLE`.
 */
enum brtc_result brtc_append_message(uint64_t now,
                                     struct brtc_connection *connection,
                                     uint32_t channel,
                                     const uint8_t *bytes,
                                     size_t length,
                                     size_t *taken);

/**
 * Ends the message under way.
 */
enum brtc_result brtc_finish_message(uint64_t now, struct brtc_connection *connection, uint32_t channel);

/**
 * Reads the next message, or the next part of one, into `out`. `BRTC_NOTHING` where there is none.
 * A `size` of 0 gives `BRTC_BUFFER_TOO_SHORT`, and the message stays.
 */
enum brtc_result brtc_read_channel(uint64_t now,
                                   struct brtc_connection *connection,
                                   uint32_t channel,
                                   uint8_t *out,
                                   size_t size,
                                   struct brtc_message *message);

/**
 * Bytes that wait on a data channel: the W3C's `bufferedAmount`.
 */
enum brtc_result brtc_buffered_amount(struct brtc_connection *connection, uint32_t channel, size_t *bytes);

/**
 * Where `BRTC_EVENT_CHANNEL_BUFFERED_AMOUNT_LOW` is due: the W3C's `bufferedAmountLowThreshold`.
 */
enum brtc_result brtc_set_buffered_amount_low_threshold(struct brtc_connection *connection,
                                                        uint32_t channel,
                                                        size_t bytes);

/**
 * Writes the label of a data channel, with a zero byte behind it.
 *
 * `length`, which may be null, becomes its length without the zero byte. With `BRTC_BUFFER_TOO_SHORT` the label was cut, and
 * `length` becomes the bytes that the buffer must have.
 */
enum brtc_result brtc_channel_label(struct brtc_connection *connection,
                                    uint32_t channel,
                                    char *out,
                                    size_t size,
                                    size_t *length);

/**
 * The longest message that `brtc_write_channel` takes, in bytes. `BRTC_NOTHING` without data channels.
 */
enum brtc_result brtc_max_message_size(struct brtc_connection *connection, size_t *bytes);

/**
 * Fills in a configuration with defaults. `size` is `sizeof(brtc_config)` of the caller.
 */
enum brtc_result brtc_config_init(struct brtc_config *config, size_t size);

/**
 * Checks a configuration. Where it breaks a rule, the first field that does is written to `out`, with the limit and the
 * value. `out` may be null where `size` is 0.
 */
enum brtc_result brtc_config_check(const struct brtc_config *config,
                                   char *out,
                                   size_t size);

/**
 * The length in bytes of the longest description of a connection with this configuration, with the zero byte at its end. 0 when the
 * configuration is not valid. Each rejected m-line of the peer's offer takes up to 544 bytes more. An answer rejects m-lines when the
 * offer has more of them than this side has tracks.
 */
size_t brtc_description_bytes(const struct brtc_config *config);

/**
 * The version of the library: `BRTC_VERSION` of the header that it was made with.
 */
uint32_t brtc_version(void);

/**
 * How many bytes the region of a connection with this configuration must have. 0 where the configuration is not valid:
 * `brtc_config_check` tells why.
 */
size_t brtc_region_bytes(const struct brtc_config *config);

/**
 * Makes a connection in `region`, which has `size` bytes: `brtc_region_bytes` says how many there must be. The region is
 * kept until `brtc_connection_destroy`, and the identity is.
 *
 * `BRTC_INVALID_CONFIG`: `brtc_config_check` tells the field, the limit and the value.
 */
enum brtc_result brtc_connection_create(const struct brtc_config *config,
                                        const struct brtc_identity *identity,
                                        void *region,
                                        size_t size,
                                        struct brtc_connection **connection);

/**
 * Ends a connection at once, and wipes its keys. To part from the peer in good order, call `brtc_close` first and go on
 * with the loop until `brtc_has_parted`.
 *
 * The region is the caller's again. `live`, which may be null, becomes the number of bytes that were not given back: 0.
 */
enum brtc_result brtc_connection_destroy(struct brtc_connection *connection,
                                         size_t *live);

/**
 * What the region is used for. The caller sets `size` to `sizeof(brtc_memory)` first.
 */
enum brtc_result brtc_get_memory(struct brtc_connection *connection, struct brtc_memory *memory);

/**
 * Writes why the last call on this connection that failed was refused: with the field, the limit and the value where there
 * are such. The text is in English and ends with a zero byte. 160 bytes hold every one of them.
 *
 * `length`, which may be null, becomes its length without the zero byte. With `BRTC_BUFFER_TOO_SHORT` the text was cut, and
 * `length` becomes the bytes that the buffer must have.
 */
enum brtc_result brtc_error_text(struct brtc_connection *connection,
                                 char *out,
                                 size_t size,
                                 size_t *length);

/**
 * Fetches an event. `BRTC_NOTHING` where there is none. To be called after every other call until there is none. The caller
 * sets `size` to `sizeof(brtc_event)` first.
 *
 * An event stands for a state that has changed: none is lost, and two changes of one object that nobody has fetched become
 * one event.
 */
enum brtc_result brtc_poll_event(struct brtc_connection *connection,
                                 struct brtc_event *event);

/**
 * How many bytes of memory an identity takes.
 */
size_t brtc_identity_bytes(void);

/**
 * Makes an identity in `memory`, which has `size` bytes and is kept until `brtc_identity_destroy`. `random` is called with
 * `context`.
 */
enum brtc_result brtc_identity_generate(void *memory,
                                        size_t size,
                                        brtc_random random,
                                        void *context,
                                        struct brtc_identity **identity);

/**
 * Makes the identity again that was exported.
 */
enum brtc_result brtc_identity_import(void *memory,
                                      size_t size,
                                      const uint8_t *exported,
                                      size_t length,
                                      struct brtc_identity **identity);

/**
 * Writes the identity into `out`, so that it outlives a restart of the device. THE SECRET KEY IS IN IT, IN THE CLEAR.
 * `length` becomes the number of bytes or, with `BRTC_BUFFER_TOO_SHORT`, the bytes that the buffer must have;
 * `BRTC_IDENTITY_EXPORT_MAX` are enough.
 */
enum brtc_result brtc_identity_export(const struct brtc_identity *identity,
                                      uint8_t *out,
                                      size_t size,
                                      size_t *length);

/**
 * Writes the SHA-256 fingerprint of the certificate as descriptions have it. 128 bytes are enough.
 */
enum brtc_result brtc_identity_fingerprint(const struct brtc_identity *identity, char *out, size_t size);

/**
 * Ends an identity and wipes its key. `BRTC_IN_USE` while a connection uses it. The memory is the caller's again.
 */
enum brtc_result brtc_identity_destroy(struct brtc_identity *identity);

/**
 * Writes an offer of everything that was added, with a zero byte behind it, and expects its answer. It is in force at once.
 *
 * `length`, which may be null, becomes its length without the zero byte. With `BRTC_BUFFER_TOO_SHORT` nothing has changed,
 * and `length` becomes the bytes that the buffer must have. `brtc_description_bytes` are enough.
 */
enum brtc_result brtc_create_offer(uint64_t now,
                                   struct brtc_connection *connection,
                                   char *out,
                                   size_t size,
                                   size_t *length);

/**
 * Takes the peer's offer, which has `offer_length` bytes, and writes the answer as `brtc_create_offer` does. The two
 * buffers do not overlap. An offer of ours that is unanswered is rolled back.
 *
 * Every m-line that fits a track of ours, or data channels, is accepted; the others are rejected.
 */
enum brtc_result brtc_create_answer(uint64_t now,
                                    struct brtc_connection *connection,
                                    const char *offer,
                                    size_t offer_length,
                                    char *out,
                                    size_t size,
                                    size_t *length);

/**
 * Takes the peer's answer to the offer.
 */
enum brtc_result brtc_set_answer(uint64_t now, struct brtc_connection *connection, const char *answer, size_t length);

/**
 * Takes an unanswered offer of ours back.
 */
enum brtc_result brtc_rollback(uint64_t now, struct brtc_connection *connection);

/**
 * Restarts ICE: the next offer has fresh credentials. The path in use stays until there is a new one.
 */
enum brtc_result brtc_restart_ice(uint64_t now, struct brtc_connection *connection);

/**
 * Takes a datagram that has come in on `route`. It is decrypted in place: its bytes change.
 *
 * An error needs no action. The statistics count a bad datagram, and an event tells when the connection ends.
 */
enum brtc_result brtc_handle(uint64_t now,
                             struct brtc_connection *connection,
                             const struct brtc_route *route,
                             uint8_t *datagram,
                             size_t length);

/**
 * Tells whether a datagram is for this connection, where many connections share a socket. `BRTC_OK` if it is a check with
 * the connection's user name fragment, or if it comes from an address of its peer or of its servers. Else `BRTC_NOTHING`.
 * The call changes nothing.
 */
enum brtc_result brtc_is_for_us(struct brtc_connection *connection,
                                const struct brtc_route *route,
                                const uint8_t *datagram,
                                size_t length);

/**
 * Takes a datagram that `brtc_is_for_us` has given to no connection. `BRTC_OK` if it is authentic and from this
 * connection's peer: the peer then has a new address. Else `BRTC_NOTHING`, or `BRTC_INVALID_ARGUMENT`. The datagram is of
 * no use afterwards.
 */
enum brtc_result brtc_handle_unknown(uint64_t now,
                                     struct brtc_connection *connection,
                                     const struct brtc_route *route,
                                     uint8_t *datagram,
                                     size_t length);

/**
 * Writes at most one datagram that is to be sent into `out`. `BRTC_NOTHING` where there is none now. To be called after
 * every other call until there is none. `BRTC_BUFFER_TOO_SHORT`: `out` has less than the `mtu` of the configuration; the
 * datagrams wait.
 */
enum brtc_result brtc_poll_transmit(uint64_t now,
                                    struct brtc_connection *connection,
                                    uint8_t *out,
                                    size_t size,
                                    struct brtc_transmit *transmit);

/**
 * When to call `brtc_handle_timeout` and `brtc_poll_transmit` again, in microseconds; it may lie in the past.
 * `BRTC_NOTHING`: not before something else happens.
 */
enum brtc_result brtc_timeout(struct brtc_connection *connection, uint64_t *at);

/**
 * Does what is due.
 */
enum brtc_result brtc_handle_timeout(uint64_t now, struct brtc_connection *connection);

/**
 * The address of a bound socket: a host candidate.
 */
enum brtc_result brtc_add_local_candidate(uint64_t now,
                                          struct brtc_connection *connection,
                                          const struct brtc_address *address);

/**
 * A socket that others reach under `visible`: behind a port forwarding, or a NAT that maps one address to one.
 */
enum brtc_result brtc_add_mapped_candidate(uint64_t now,
                                           struct brtc_connection *connection,
                                           const struct brtc_address *local,
                                           const struct brtc_address *visible);

/**
 * A socket that is gone, with the network that it was in. `BRTC_ICE` where no candidate has this address: nothing has
 * changed then.
 */
enum brtc_result brtc_remove_local_candidate(uint64_t now,
                                             struct brtc_connection *connection,
                                             const struct brtc_address *address);

/**
 * A candidate that the peer has trickled: the text of an `a=candidate` line, with or without `a=`. Names (mDNS) are
 * ignored: such a peer is seen when its checks arrive.
 */
enum brtc_result brtc_add_remote_candidate(uint64_t now, struct brtc_connection *connection, const char *line);

/**
 * A STUN server that tells which address this side has from outside.
 */
enum brtc_result brtc_add_stun_server(uint64_t now,
                                      struct brtc_connection *connection,
                                      const struct brtc_address *server);

/**
 * A TURN server over UDP, and an account there. Name and password have at most 508 bytes each.
 */
enum brtc_result brtc_add_turn_server(uint64_t now,
                                      struct brtc_connection *connection,
                                      const struct brtc_address *server,
                                      const char *username,
                                      const char *password);

/**
 * Asks the STUN and TURN servers now, and not with the first description. When `BRTC_EVENT_GATHERING_STATE` says that
 * gathering is complete, a description has all candidates.
 */
enum brtc_result brtc_gather(uint64_t now, struct brtc_connection *connection);

/**
 * `BRTC_OK` when gathering is complete, else `BRTC_NOTHING`.
 */
enum brtc_result brtc_is_gathered(struct brtc_connection *connection);

/**
 * Ends the connection: the peer is told when `brtc_poll_transmit` is emptied once more. Go on with the loop until
 * `brtc_has_parted`, so that TURN servers get back what they lent.
 */
enum brtc_result brtc_close(uint64_t now, struct brtc_connection *connection);

/**
 * `BRTC_OK` when the connection is closed, the peer has been told, and nothing is left to be sent or waited for; else
 * `BRTC_NOTHING`.
 */
enum brtc_result brtc_has_parted(struct brtc_connection *connection);

/**
 * A function of the application that does not return: it resets the device, or stops the task. `file`, which does not
 * end with a zero byte, has `length` bytes.
 */
extern void brtc_panic(const char *file, size_t length, uint32_t line);

/**
 * The name of a result, such as `BRTC_NO_MEMORY`; of a number that is none, `BRTC_?`. The text lives for ever.
 */
const char *brtc_result_name(int32_t result);

/**
 * Figures of the connection as it is now. The caller sets `size` to `sizeof(brtc_stats)` first.
 */
enum brtc_result brtc_get_stats(struct brtc_connection *connection, struct brtc_stats *stats);

/**
 * Figures of a track. The caller sets `size` to `sizeof(brtc_track_stats)` first.
 */
enum brtc_result brtc_get_track_stats(struct brtc_connection *connection,
                                      uint32_t track,
                                      struct brtc_track_stats *stats);

/**
 * Fills in a track that sends. `size` is `sizeof(brtc_track_config)` of the caller. `codecs` is to be set.
 */
enum brtc_result brtc_track_config_init(struct brtc_track_config *config, size_t size);

/**
 * Adds a track, to be part of the next description. `track` becomes its number: 0 for the first, 1 for the second.
 */
enum brtc_result brtc_add_track(uint64_t now,
                                struct brtc_connection *connection,
                                const struct brtc_track_config *config,
                                uint32_t *track);

/**
 * What a track shall do from the next description on. `wanted` is a `brtc_direction`.
 */
enum brtc_result brtc_set_direction(uint64_t now,
                                    struct brtc_connection *connection,
                                    uint32_t track,
                                    uint32_t wanted);

/**
 * Sends a frame. Its bytes are copied into `frame_memory`.
 *
 * `BRTC_WOULD_BLOCK`: the queue or the memory for frames is full. Leave the picture out and make the next one a key frame.
 * No event tells of room: it comes while `brtc_poll_transmit` is called.
 * `BRTC_NOT_READY`: nobody wants frames now, as `brtc_is_sending` says.
 * `BRTC_MEDIA`: another codec was agreed on.
 */
enum brtc_result brtc_send_frame(uint64_t now,
                                 struct brtc_connection *connection,
                                 uint32_t track,
                                 const struct brtc_frame *frame);

/**
 * `BRTC_OK` where frames of this track are wanted now, else `BRTC_NOTHING`: encode nothing then.
 */
enum brtc_result brtc_is_sending(struct brtc_connection *connection, uint32_t track);

/**
 * Reads the next frame that a track has received into `out`. `BRTC_NOTHING` where there is none.
 *
 * A frame that is larger than `out`, or of which packets were lost for good, is not `complete`. A `size` of 0 gives
 * `BRTC_BUFFER_TOO_SHORT`, and the frame stays.
 */
enum brtc_result brtc_read_frame(uint64_t now,
                                 struct brtc_connection *connection,
                                 uint32_t track,
                                 uint8_t *out,
                                 size_t size,
                                 struct brtc_received_frame *frame);

/**
 * Asks the peer for a key frame of a video track that we receive.
 */
enum brtc_result brtc_request_key_frame(uint64_t now, struct brtc_connection *connection, uint32_t track);

/**
 * What the path carries, in bits a second, as far as the peer's feedback tells. `BRTC_NOTHING` before there was feedback.
 */
enum brtc_result brtc_available_bitrate(struct brtc_connection *connection,
                                        uint64_t *bits_per_second);

/**
 * Sends more than the estimate for a tenth of a second, to learn whether the path carries so many bits a second.
 * `BRTC_EVENT_BITRATE` tells the outcome a little later. Where there is not enough to send, packets of video go once more.
 * `BRTC_NOT_READY` where no track sends, as `brtc_is_sending` says.
 */
enum brtc_result brtc_probe(uint64_t now,
                            struct brtc_connection *connection,
                            uint64_t bits_per_second);

/**
 * Tells what was agreed on for a track. The caller sets `size` to `sizeof(brtc_track)` first.
 */
enum brtc_result brtc_get_track(struct brtc_connection *connection, uint32_t track, struct brtc_track *info);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* BARERTC_H */

/*
 * A function of the application that does not return, where the library was built with the feature `panic-handler`: it
 * resets the device, or stops the task. `file` has `length` bytes and no zero byte at its end.
 */
#if defined(BRTC_PANIC_HANDLER)
extern void brtc_panic(const char *file, size_t length, uint32_t line);
#endif
