/** The spans and groupings that usage is shown in. */
const DAY_SECONDS = 86_400;

export const GROUPS = ["meter", "model", "api_key_id", "deployment_id"] as const;
export type Group = (typeof GROUPS)[number];

export const PERIODS = ["7", "30", "90", "month"] as const;
export type Period = (typeof PERIODS)[number];

/** Unix seconds of the period's first day, today included; days and months are those of UTC. */
export const periodStart = (period: Period, now: number = Date.now()): number => {
  const today = Math.floor(now / 1000 / DAY_SECONDS) * DAY_SECONDS;
  if (period !== "month") return today - (Number(period) - 1) * DAY_SECONDS;
  return today - (new Date(now).getUTCDate() - 1) * DAY_SECONDS;
};
