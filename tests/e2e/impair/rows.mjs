// The networks of the table.
const rtt = (ms) => ['--delay', String(ms / 2)];

// `streamer` is what ours is told. `decoded` and `freeze` are what must hold: the part of the frames, and the longest freeze in
// seconds.
export const ROWS = [
  // The control behind the table: what this machine does to a perfect network.
  { name: 'control', about: 'nothing', link: [] },
  { name: 'loss-0', about: '50 ms', link: rtt(50) },
  { name: 'loss-1', about: '50 ms, 1 % lost', link: [...rtt(50), '--loss', '1'] },
  { name: 'loss-5', about: '50 ms, 5 % lost', link: [...rtt(50), '--loss', '5'], decoded: 0.99, freeze: 0.2 },
  { name: 'loss-10', about: '50 ms, 10 % lost', link: [...rtt(50), '--loss', '10'], decoded: 0.97, freeze: 0.5 },
  // With a target that one retransmission does not fit.
  { name: 'low-1', about: '50 ms, 1 % lost, a latency of 50 ms', link: [...rtt(50), '--loss', '1'], streamer: ['--latency', '50'] },
  { name: 'low-5', about: '50 ms, 5 % lost, a latency of 50 ms', link: [...rtt(50), '--loss', '5'], streamer: ['--latency', '50'] },
  { name: 'zero-5', about: '50 ms, 5 % lost, a latency of 0', link: [...rtt(50), '--loss', '5'], streamer: ['--latency', '0'] },
  { name: 'loss-20', about: '50 ms, 20 % lost', link: [...rtt(50), '--loss', '20'] },
  { name: 'bursts', about: '50 ms, bursts of 5, 5 % lost', link: [...rtt(50), '--burst', '1.05,20'] },
  { name: 'rtt-200', about: '200 ms, 1 % lost', link: [...rtt(200), '--loss', '1'] },
  { name: 'rtt-200-5', about: '200 ms, 5 % lost', link: [...rtt(200), '--loss', '5'] },
  { name: 'jitter', about: '50 ms, up to 30 ms of jitter each way', link: [...rtt(50), '--jitter', '30'] },
  { name: 'rate-2', about: '50 ms, 2 Mbit/s', link: [...rtt(50), '--rate', '2000'], freeze: 0 },
  { name: 'rate-1', about: '50 ms, 1 Mbit/s', link: [...rtt(50), '--rate', '1000'] },
  { name: 'outage', about: '50 ms, nothing for 3 s', link: [...rtt(50), '--outage', '12,3'], freeze: 3.5 },
  { name: 'rebind', about: '50 ms, the viewer’s address changes', link: [...rtt(50), '--rebind', '12'], freeze: 0.5 },
];

// The rows that a test has time for.
export const QUICK = ['control', 'loss-5', 'loss-10', 'rate-2', 'rebind'];

// What was aimed at and not reached, in words.
export function broken(row, found) {
  if (!found) return [`${row.about}: no picture`];
  const wrong = [];
  if (row.decoded && found.decoded < row.decoded) wrong.push(`${row.about}: ${found.decoded} of the frames decoded, not ${row.decoded}`);
  if (row.freeze !== undefined && found.longest > row.freeze) wrong.push(`${row.about}: a freeze of ${found.longest} s, longer than ${row.freeze}`);
  if (found.attempts > 1) wrong.push(`${row.about}: the page had to connect ${found.attempts} times`);
  return wrong;
}
