// Packets for stacks without encoders: bytes that look like a picture or sound, which nobody decodes.
import { randomBytes } from 'node:crypto';

// A key frame in one packet: an IDR slice, or a descriptor (RFC 7741 §4.2) and a frame header of VP8 (RFC 6386 §9.1).
export const PICTURE = {
  h264: Buffer.concat([Buffer.from([0x65, 0x88]), randomBytes(900)]),
  vp8: Buffer.concat([Buffer.from([0x10, 0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00]), randomBytes(900)]),
};
export const SOUND = Buffer.concat([Buffer.from([0xfc]), randomBytes(60)]);

// An RTP packet (RFC 3550 §5.1).
export function packet({ type, marker, sequence, timestamp, ssrc }, payload) {
  const head = Buffer.alloc(12);
  head[0] = 0x80;
  head[1] = (marker ? 0x80 : 0) | type;
  head.writeUInt16BE(sequence & 0xffff, 2);
  head.writeUInt32BE(timestamp >>> 0, 4);
  head.writeUInt32BE(ssrc, 8);
  return Buffer.concat([head, payload]);
}
