// Package perplexity measures how well a model predicts a text, and how far its
// predictions lie from another's.
//
// The token ids of the text are cut into windows that do not overlap. Each
// starts with an empty cache. Scored are the tokens of its second half, as
// llama-perplexity does, or all but its first, as is usual with transformers.
// Perplexity is exp of the mean negative log-likelihood; its standard error
// follows from the variance of the single tokens.
//
// Predictions can be kept in a base file and compared with later: mean
// Kullback-Leibler divergence of the base's distribution from the model's, and
// how often both find the same token likeliest. The file is that of
// llama-perplexity --kl-divergence-base, so that either program can judge the
// other.
//
// Invariant: sums run over tokens in order, so the number of workers never
// shows in a result.
//
// Start with Measure, then base.go.
package perplexity
