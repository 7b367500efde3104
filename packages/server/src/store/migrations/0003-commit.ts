/** What this made, 0005 makes anew. It stays because a store that did it looks for it. */
export async function up(): Promise<void> {}
