/** Errors in the form that clients of OpenAI's API read; `code` is that of the error table. */

import { z } from "zod";
import type { FreshetError } from "../../contract/errors.ts";

export const openAiErrorSchema = z.object({
  error: z.object({
    message: z.string(),
    type: z.enum([
      "invalid_request_error",
      "authentication_error",
      "permission_error",
      "not_found_error",
      "rate_limit_error",
      "server_error",
    ]),
    param: z.null(),
    code: z.string(),
  }),
});
type OpenAiError = z.infer<typeof openAiErrorSchema>;

export function openAiErrorOf({ message, code, status }: FreshetError): OpenAiError {
  return { error: { message, type: typeOf(status), param: null, code } };
}

function typeOf(status: number): OpenAiError["error"]["type"] {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 429:
      return "rate_limit_error";
    default:
      return status >= 500 ? "server_error" : "invalid_request_error";
  }
}
