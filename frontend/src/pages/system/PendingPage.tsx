import { Container } from "@mantine/core";
import { Loading } from "@/ui/Loading";

export const PendingPage = () => (
  <Container py="xl">
    <Loading />
  </Container>
);
