/** What a flood is told and what it tells, between the bench and the thread that floods. */

export const surfaces = ["http_publish", "nats_publish", "http_question", "nats_question"] as const;
export type Surface = (typeof surfaces)[number];

export interface Flooding {
  readonly httpUrl: string;
  readonly natsUrl: string;
  readonly texts: readonly string[];
}

export interface FloodDone {
  readonly passed: number;
  readonly refused: number;
}
