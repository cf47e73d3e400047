/** Styles of the components that only signed-in pages use; loaded with the app shell. */
import "@mantine/core/styles/Accordion.css";
import "@mantine/core/styles/AppShell.css";
import "@mantine/core/styles/Checkbox.css";
import "@mantine/core/styles/NavLink.css";
import "@mantine/core/styles/NumberInput.css";
import "@mantine/core/styles/Radio.css";
import "@mantine/core/styles/RadioCard.css";
import "@mantine/core/styles/RadioIndicator.css";
import "@mantine/core/styles/Switch.css";
import "@mantine/core/styles/Table.css";
