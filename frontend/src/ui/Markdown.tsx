import { Title } from "@mantine/core";
import { type Block, blocksOf } from "@/lib/markdown";
import classes from "./Markdown.module.css";

type TableBlock = Extract<Block, { kind: "table" }>;

const TableView = ({ table }: { table: TableBlock }) => (
  <table className={classes.table}>
    <thead>
      <tr>
        {table.head.map((cell) => (
          <th key={cell} scope="col">
            {cell}
          </th>
        ))}
      </tr>
    </thead>
    <tbody>
      {table.rows.map((row) => (
        <tr key={row.join("|")}>
          {row.map((cell, index) => (
            <td key={table.head[index]}>{cell}</td>
          ))}
        </tr>
      ))}
    </tbody>
  </table>
);

const BlockView = ({ block }: { block: Block }) => {
  if (block.kind === "heading") {
    return (
      <Title order={block.level < 3 ? 3 : 4} size="h4">
        {block.text}
      </Title>
    );
  }
  if (block.kind === "list") {
    return (
      <ul>
        {block.items.map((item) => (
          <li key={item}>{item}</li>
        ))}
      </ul>
    );
  }
  if (block.kind === "table") return <TableView table={block} />;
  return block.kind === "code" ? (
    <pre className={classes.code}>{block.text}</pre>
  ) : (
    <p>{block.text}</p>
  );
};

/** A model card. Text only: nothing in it becomes HTML. */
export const Markdown = ({ source }: { source: string }) => {
  const blocks = blocksOf(source);
  return (
    <div className={classes.markdown}>
      {blocks.map((block, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the text is immutable and its blocks have no ids
        <BlockView key={index} block={block} />
      ))}
    </div>
  );
};
