// A user's own client, byte by byte, as it may come from another user: registers with each
// of the payloads in turn, all connections kept, and reports the answers. `resume: true`
// stands for what the last answer gave: config { socketPath, registrations }.
import { RawPeer } from '../raw-peer.mjs';
import { config, report } from './report.mjs';

let resume;
for (const payload of config.registrations) {
  const peer = await RawPeer.connect(config.socketPath);
  const given = payload.resume === true ? { ...payload, resume } : payload;
  peer.send({ id: '0', type: '__register__', timestamp: Date.now(), payload: given, headers: { requiresResponse: true } });
  const answer = await peer.expectFrame(({ type }) => type === '__register___response');
  resume = answer.payload.resume;
  report('answer', { success: answer.payload.success, reason: answer.payload.reason, role: answer.payload.role });
}
