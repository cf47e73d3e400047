import { isShare } from "./figures";
import { useFormat } from "./useFormat";
import { useKnown } from "./useKnown";

/** Name and text of a figure: shares in percent, everything else in its own unit. */
export const useFigure = () => {
  const format = useFormat();
  const known = useKnown("evaluation");
  return {
    name: (name: string): string => known("figure", name) ?? name,
    text: (name: string, value: number): string =>
      isShare(name) ? format.percent(value) : format.figure(value),
  };
};
