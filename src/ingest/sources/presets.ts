/**
 * Expressions for streams that many have. Each sees `{subject, headers, body, key, sequence,
 * publishedAt}` and `$options` (what `--set name=value` gave), and returns operations. They are
 * stored with a source as they are when it is added: a later Freshet changes no living source.
 */

import type { PresetName } from "../../contract/source.ts";

export interface Preset {
  readonly summary: string;
  /** Names of `--set`, with what they mean. */
  readonly options: Readonly<Record<string, string>>;
  readonly expression: string;
}

const rowOptions = {
  prefix: "beginning of document ids; default: the table, topic or bucket",
  id: "columns that are the key, with commas between; default: the event's own key",
  text: "columns that are the text; default: every column, as `name: value`",
  title: "column that is the title",
  metadata: "columns that become metadata",
} as const;

/**
 * Debezium, with or without the `{schema, payload}` envelope, or flattened by its
 * ExtractNewRecordState. Created, updated and read rows are upserts; `d`, a flattened `__deleted`
 * and a tombstone are deletes; truncates and other messages are left out.
 */
const debezium = "$changed($, $options)";

/** Any key and value: Kafka topics with tombstones, and buckets of NATS. */
const kafka = "$keyed($, $options)";

/**
 * CloudEvents, structured, batched, or binary in the headers of HTTP, NATS and Kafka. An event
 * whose type ends in a word for deleting deletes.
 */
const cloudevents = `$cloudEvents(headers, body).(
  $row := $type(data) = "object";
  $own := $options.id ? $keyOf($columns(data, $options.id));
  $named := $own ? $own : subject ? subject : $row and data.id ? $keyOf(data.id) : id;
  $about := $named ? $named : $error("no CloudEvent: it has neither id nor subject");
  $id := ($options.prefix ? $options.prefix : source) & "/" & $about;
  deletes ? {"op": "delete", "id": $id}
  : $not($exists(data)) ? {"op": "skip", "reason": "no data"}
  : $document({"id": $id, "timestamp": time, "source": source, "title": data.title, "metadata": {"type": type}}, data, $options)
)`;

/**
 * GitHub's webhooks: issues, pull requests, reviews, comments, discussions, commits of pushes and
 * releases become documents; what is deleted deletes; other events are left out by name.
 */
const github = `(
  $event := $lookup(headers, "x-github-event");
  $repo := body.repository.full_name;
  $action := body.action;
  $gone := $action in ["deleted", "transferred", "unpublished"];
  $labels := function($of) {[($of.labels.name)[[0..31]]]};
  $doc := function($id, $of, $more) {
    $gone ? {"op": "delete", "id": $repo & "/" & $id} : {
      "id": $repo & "/" & $id,
      "title": $more.title ? $cut($more.title, 1000),
      "text": $join([$more.title, $of.body][$type($) = "string" and $trim($) != ""], "\\n\\n"),
      "source": $of.html_url,
      "timestamp": $of.updated_at ? $of.updated_at : $of.submitted_at ? $of.submitted_at
        : $of.published_at ? $of.published_at : $of.created_at,
      "metadata": $merge([{"kind": $more.kind, "repository": $repo, "author": $of.user.login ? $of.user.login : $of.author.login}, $more.metadata])
    }};
  $said := function($id, $of, $more) {
    $gone or ($type($of.body) = "string" and $trim($of.body) != "") ? $doc($id, $of, $more)
      : $action = "edited" ? {"op": "delete", "id": $repo & "/" & $id}
      : {"op": "skip", "reason": "no text"}};
  $kinds := ["issues", "issue_comment", "pull_request", "pull_request_review", "pull_request_review_comment",
    "commit_comment", "discussion", "discussion_comment", "release", "push"];
  $not($exists($event)) ? $error("no x-github-event header")
  : $not($event in $kinds) ? {"op": "skip", "reason": $event}
  : $type(body) != "object" ? $error("the body is no JSON object")
  : $not($type($repo) = "string") ? $error("the event names no repository")
  : $event = "issues" ? $doc("issues/" & body.issue.number, body.issue,
      {"kind": "issue", "title": body.issue.title,
       "metadata": {"state": body.issue.state, "labels": $labels(body.issue)}})
  : $event = "issue_comment" ? $said("issues/" & body.issue.number & "/comments/" & body.comment.id, body.comment,
      {"kind": "comment", "title": body.issue.title})
  : $event = "pull_request" ? $doc("pull/" & body.pull_request.number, body.pull_request,
      {"kind": "pull request", "title": body.pull_request.title,
       "metadata": {"state": body.pull_request.merged ? "merged" : body.pull_request.state, "labels": $labels(body.pull_request)}})
  : $event = "pull_request_review" ? $said("pull/" & body.pull_request.number & "/reviews/" & body.review.id, body.review,
      {"kind": "review", "title": body.pull_request.title, "metadata": {"state": body.review.state}})
  : $event = "pull_request_review_comment" ? $said("pull/" & body.pull_request.number & "/comments/" & body.comment.id, body.comment,
      {"kind": "review comment", "title": body.pull_request.title, "metadata": {"path": body.comment.path}})
  : $event = "commit_comment" ? $said("commit/" & body.comment.commit_id & "/comments/" & body.comment.id, body.comment,
      {"kind": "commit comment"})
  : $event = "discussion" ? $doc("discussions/" & body.discussion.number, body.discussion,
      {"kind": "discussion", "title": body.discussion.title, "metadata": {"category": body.discussion.category.name}})
  : $event = "discussion_comment" ? $said("discussions/" & body.discussion.number & "/comments/" & body.comment.id, body.comment,
      {"kind": "discussion comment", "title": body.discussion.title})
  : $event = "release" ? $doc("releases/" & body.release.id, body.release,
      {"kind": "release", "title": body.release.name ? body.release.name : body.release.tag_name,
       "metadata": {"tag": body.release.tag_name, "prerelease": body.release.prerelease}})
  : (
      $commits := body.commits[$not(distinct = false)];
      $count($commits) = 0 ? {"op": "skip", "reason": "push without commits"}
      : $commits.{
          "id": $repo & "/commit/" & id,
          "title": $cut($split(message, /\\r?\\n/)[0], 1000),
          "text": $join([message, $join([added, modified, removed][[0..99]], "\\n")][$ != ""], "\\n\\n"),
          "source": url,
          "timestamp": timestamp,
          "metadata": {"kind": "commit", "repository": $repo, "author": author.name}
        })
)`;

export const presets: Readonly<Record<PresetName, Preset>> = {
  debezium: {
    summary: "row changes of a database, in Debezium's JSON",
    options: rowOptions,
    expression: debezium,
  },
  cloudevents: {
    summary: "CloudEvents 1.0, structured, batched or binary",
    options: { ...rowOptions, prefix: "beginning of document ids; default: the event's source" },
    expression: cloudevents,
  },
  github: {
    summary: "GitHub's webhooks: issues, pull requests, comments, pushes, releases",
    options: {},
    expression: github,
  },
  kafka: {
    summary: "keys and values with tombstones: Kafka topics, buckets of NATS",
    options: rowOptions,
    expression: kafka,
  },
};
