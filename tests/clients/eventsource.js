// A viewer by the npm package `eventsource`: prints each event as a line of JSON. It comes back by itself.
import { EventSource } from 'eventsource';

const source = new EventSource(process.argv[2]);
for (const type of ['resume', 'comment', 'delete', 'settings', 'pin', 'skipped', 'end', 'message']) {
  source.addEventListener(type, ({ data, lastEventId: id }) => console.log(JSON.stringify({ type, id, data })));
}
source.onerror = ({ message }) => console.error(message);
