/** Conversations in groups by the time of their last change. No DOM. */

import { t } from "./labels.js";

/** @import {Summary} from "./api.js" */

/**
 * @typedef {{key: string, label: string, summaries: Summary[]}} Group
 */

/**
 * The groups that are not empty, newest first, pinned ones on top.
 *
 * @param {Iterable<Summary>} summaries in any order
 * @param {Date} now
 * @param {string} [language] of the months' names
 * @returns {Group[]}
 */
export function grouped(summaries, now, language = undefined) {
  const ordered = [...summaries].sort((a, b) => Number(b.pinned ?? false) - Number(a.pinned ?? false) || b.updated.localeCompare(a.updated));
  /** @type {Map<string, Group>} */
  const groups = new Map();
  for (const summary of ordered) {
    const { key, label } = summary.pinned ? { key: "pinned", label: t("groupPinned") } : period(new Date(summary.updated), now, language);
    const group = groups.get(key) ?? { key, label, summaries: [] };
    group.summaries.push(summary);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/**
 * @param {Date} at
 * @param {Date} now
 * @param {string} [language]
 */
function period(at, now, language) {
  // By the reader's calendar: a quarter past midnight is another day.
  const days = Math.round((midnight(now) - midnight(at)) / 86_400_000);
  if (days <= 0) return { key: "today", label: t("groupToday") };
  if (days === 1) return { key: "yesterday", label: t("groupYesterday") };
  if (days <= 7) return { key: "week", label: t("groupWeek") };
  if (days <= 30) return { key: "month", label: t("groupMonth") };
  const name = new Intl.DateTimeFormat(language, { month: "long", year: "numeric" }).format(at);
  return { key: `${at.getFullYear()}-${at.getMonth() + 1}`, label: name };
}

/** @param {Date} date */
function midnight(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}
