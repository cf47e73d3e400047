/** English in every language of the page: the shipped model reads English. */

export const EXAMPLES: readonly string[] = [
  "The battery lasts two days and the screen is gorgeous.",
  "Arrived late, box crushed, and nobody answered my e-mails.",
  "The acting is superb and the story stays with you for days.",
  "It does the job, I suppose. I expected more for the price.",
];
