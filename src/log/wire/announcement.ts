/** What a node says of itself beside that it is there, as it is stored. Pure. */

import { z } from "zod";
import { decodeJson, encodeJson } from "./json.ts";

const announcementSchema = z.object({ models: z.array(z.string()) });

export type NodeAnnouncement = z.infer<typeof announcementSchema>;

export function encodeAnnouncement(said: NodeAnnouncement): Uint8Array {
  return encodeJson(said);
}

/** Undefined of a node that says nothing, as those of earlier releases do. */
export function decodeAnnouncement(data: Uint8Array): NodeAnnouncement | undefined {
  return decodeJson(announcementSchema, data);
}
