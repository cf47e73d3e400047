import type { Job } from "@/api/types";
import { FoldsPanel } from "./FoldsPanel";
import { LabelErrors } from "./LabelErrors";
import { SearchPanel } from "./SearchPanel";

/** What a job found out before it trained its model; nothing for most jobs. */
export const Study = ({ job }: { job: Job }) => {
  const errors = job.cross_validation?.result?.label_errors ?? null;
  return (
    <>
      {job.search ? <SearchPanel asked={job.search} /> : null}
      {job.cross_validation ? <FoldsPanel asked={job.cross_validation} /> : null}
      {errors === null ? null : <LabelErrors job={job.id} />}
    </>
  );
};
