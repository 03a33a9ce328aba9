// A page whose listener throws, in a process of its own: prints what its other listener heard.
import { watch } from '../../../gateway/web/chorus.js';

process.on('uncaughtException', ({ message }) => console.log('uncaught', message));
const room = watch('room', { stream: process.argv[2] });
room.on('viewers', () => { throw new Error('mine'); });
const off = room.on('viewers', ({ count }) => { console.log('heard', count); off(); });
room.on('end', () => console.log('ended'));
