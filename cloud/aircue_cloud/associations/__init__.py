"""What is bought together: found in baskets, told where chance is no likely cause, shown beside products, tested."""
