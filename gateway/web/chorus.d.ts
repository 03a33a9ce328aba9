/**
 * chorus.js: live comments of live video, in one module without dependencies.
 *
 * ```js
 * import { watch } from "https://chat.example/chorus.js";
 * const room = watch("final", { token: () => myLogin() });
 * room.on("comment", (comment) => show(comment));
 * await room.post("Goal!");
 * ```
 *
 * Everything is shown once and in the video's order, also after lost connections, dead servers and
 * closed tabs; what could not be had again is told by `reset` and `skipped`.
 */

/** Opens a video's room. It connects at once; listeners added in the same turn miss nothing. */
export function watch(video: string, options?: WatchOptions): Room;

export interface WatchOptions {
  /** Base URL of the gateways, e.g. `https://live.example`. Default: where this module came from. */
  stream?: string;
  /** Base URL of ingest, for everything but the stream. Default: where this module came from. */
  api?: string;
  /** Who watches and writes. A function is asked again when the token was refused or has expired. */
  token?: string | (() => string | null | Promise<string | null>);
  /** In the server's development mode, without tokens: the author's id (`X-Chorus-User`). */
  user?: string;
  /** How many of the newest events to begin with, 0–200. Default 20. */
  recent?: number;
  /**
   * Instead: the `cursor` of a page of history, by whoever made the page that this one goes on from.
   * Nothing is missed in between; a comment may stand in both (drop by id).
   */
  after?: string;
  /** At most about so many comments per second; what is left out is told by `skipped`. */
  rate?: number;
  /**
   * One stream for all tabs of this browser that watch the same video as the same person at the same
   * rate (the token's `sub`; tabs with `tickets` from a function and no token count as one person).
   * Default true. Where the browser can't (no Web Locks), each tab has a stream of its own.
   */
  share?: boolean;
  /**
   * Opens streams by one-use tickets in place of the `Authorization` header: `true` asks the API for
   * them with the token; a function gets them from a server of yours, so that no token is in the page.
   */
  tickets?: boolean | (() => string | Promise<string>);
  /** Times in milliseconds; for tests and odd networks. */
  timing?: Partial<Timing>;
}

export interface Timing {
  /** No byte for so long after opening: a proxy buffers, so go on by long polling. Default 5,000. */
  firstByte: number;
  /** How long to poll before a stream is tried again. Default 120,000. */
  polling: number;
  /** No byte for so long: the connection is dead (the server sends one every 15 s). Default 40,000. */
  silence: number;
  /** First wait after a failure; doubles, with jitter, up to 30 times as much. Default 1,000. */
  backoff: number;
  /** Longest wait for an answer of the API. Default 15,000. */
  answer: number;
}

export interface Room {
  readonly video: string;
  /** The last `state` event's data. */
  readonly state: State;

  /** Adds a listener; the result takes it away again. What a listener throws stops nobody else. */
  on<Name extends keyof RoomEvents>(name: Name, listener: (data: RoomEvents[Name]) => void): () => void;

  /** Who posts from here, as far as the token (or `user`) tells; `null` when nobody is known. */
  me(): Promise<Author | null>;

  /**
   * Posts a comment. It is shown at once (`comment` with `pending: true`), and again when it is
   * acknowledged (`comment` with `replaces`: the pending one's id). When it is refused, `delete`
   * takes the pending one away and the promise rejects. Lost connections and 503 are tried again
   * under the same key, so it is posted once.
   */
  post(text: string, options?: { replyTo?: string; key?: string }): Promise<Comment>;
  /** A page of history: newest first; with `after`, oldest first. Nothing deleted or hidden is in it. */
  history(options?: { before?: string; after?: string; limit?: number }): Promise<HistoryPage>;
  /** One comment; `null` when it was deleted or never was. */
  one(id: string): Promise<Comment | null>;
  /** Deletes a comment: one's own, or as a moderator any. */
  delete(id: string): Promise<void>;
  report(id: string, reason?: string): Promise<void>;

  // Moderators'
  pin(id: string): Promise<void>;
  unpin(): Promise<void>;
  ban(user: string, options?: { ttl_s?: number; hide_comments?: boolean }): Promise<void>;
  unban(user: string): Promise<void>;
  /** Reads the settings; with `change`, sets these fields and leaves the others as they are. */
  settings(change?: Partial<Settings>): Promise<Settings>;

  /** Sends `count` (1–50) reactions of a kind, e.g. `"like"`. */
  react(kind: string, count?: number): Promise<void>;
  /** Votes for a poll's option, 0 the first; may be changed until the poll is closed. */
  vote(poll: string, option: number): Promise<void>;
  stats(): Promise<Stats>;

  /** Ends everything; another tab takes over the stream. */
  close(): void;
}

export interface RoomEvents {
  comment: Comment;
  /** A comment is gone: deleted, or pending and refused. */
  delete: { id: string };
  /** All comments of an author so far are hidden. */
  hide: { author: string };
  /** The pinned comment's id, or `null`; ask `one(id)` for a comment that isn't on the page. */
  pin: { comment: string | null };
  settings: Omit<Settings, "blocked_words">;
  /** Totals since the video began. */
  reactions: { totals: Record<string, number> };
  viewers: { count: number };
  leaderboard: { top: { id: string; name: string; score: number }[] };
  poll: Poll;
  /** Events that this viewer is not shown: too slow, or a sampled stream (`rate`). */
  skipped: { count: number; from: string; to: string };
  /**
   * The server could not continue where this viewer was. `recovered` comments were read from history
   * and shown before this event; `complete: false` when some could not be, or other events than
   * comments may be missing.
   */
  reset: { recovered: number; complete: boolean };
  state: State;
  /** The stream's last event, before a `state` that is final. */
  end: { reason: "ended" | "banned" | "expired" };
  /** A producer's event of any type, e.g. `{type: "odds", data: {…}}`. */
  event: { type: string; data: unknown; id: string | null };
}

export type State =
  /** First connection under way. */
  | { state: "connecting" }
  /** Everything is shown as it comes. `missed`: comments just shown that came while it was away. */
  | { state: "live" | "polling"; missed: number }
  /** The connection is lost; the next attempt is at `retry_at` (Unix milliseconds). */
  | { state: "reconnecting"; retry_at: number }
  /** Connected again; what was missed is being shown. */
  | { state: "catching-up" }
  /** Final: the video is over, this viewer is banned, the token has run out, `close()` was called. */
  | { state: "ended" | "banned" | "expired" | "closed" };

export interface Author {
  id: string;
  name: string;
  role?: "viewer" | "commenter" | "moderator" | "producer" | "admin";
  avatar?: string;
}

export interface Comment {
  id: string;
  video: string;
  author: Author;
  text: string;
  created_at: string;
  reply_to?: string;
  /** Ours, not acknowledged yet; `id` is made up. */
  pending?: true;
  /** The made-up id of the pending comment that this one is. */
  replaces?: string;
}

export interface HistoryPage {
  comments: Comment[];
  /** Goes on from here: as `before`, or as `after` when that was asked for. */
  next: string | null;
  /** A stream's position. */
  cursor: string;
}

export interface Settings {
  slow_mode_s: number;
  who_can_comment: "everyone" | "authenticated" | "nobody";
  blocked_words: string[];
  unique_s: number;
}

export interface Poll {
  id: string;
  question: string;
  options: unknown[];
  closed?: boolean;
  closes_at?: string;
  totals?: number[];
  [more: string]: unknown;
}

export interface Stats {
  comments: number;
  viewers: number;
  views: number;
  reactions: Record<string, number>;
}

/** What the API refused, in its own words; `status` 0: it could not be reached. */
export class ChorusError extends Error {
  constructor(problem: Partial<ChorusError>);
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  /** Which fields are wrong, and why (422). */
  readonly errors: { field: string; why: string }[];
  /** When to try again, seconds (429, 503). */
  readonly retryAfterS: number | null;
  readonly requestId?: string;
}
