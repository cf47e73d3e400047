import { Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import temper from "@/ui/Logo.module.css";
import classes from "./Cycle.module.css";

const STAGES = ["data", "train", "deploy", "improve"] as const;

/** The annealing curve with the four things one does along it. */
export const Cycle = () => {
  const { t } = useTranslation("landing");
  return (
    <section className={classes.section} aria-labelledby="how">
      <Title order={2} id="how" className={classes.heading}>
        {t("cycle.title")}
      </Title>
      <svg
        className={classes.curve}
        viewBox="0 0 1000 190"
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        <defs>
          <linearGradient id="cycle" x1="0" x2="1" y1="0" y2="0">
            <stop offset="0" className={temper.straw} />
            <stop offset=".38" className={temper.bronze} />
            <stop offset=".64" className={temper.violet} />
            <stop offset="1" className={temper.blue} />
          </linearGradient>
        </defs>
        <path
          d="M0 176C120 176 150 150 205 90S290 18 350 18H480C640 18 650 118 780 150 850 167 920 172 1000 172"
          fill="none"
          stroke="url(#cycle)"
          strokeWidth="5"
          strokeLinecap="round"
          vectorEffect="non-scaling-stroke"
        />
      </svg>
      <ol className={classes.stages}>
        {STAGES.map((stage) => (
          <li key={stage} className={classes.stage}>
            <h3 className={classes.name}>{t(`cycle.${stage}.name`)}</h3>
            <p className={classes.text}>{t(`cycle.${stage}.text`)}</p>
          </li>
        ))}
      </ol>
    </section>
  );
};
