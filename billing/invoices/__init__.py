"""What is asked for and what was paid: items, invoices, credit notes, taxes, reminders."""
